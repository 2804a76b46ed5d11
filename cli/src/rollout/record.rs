//! What the operator's machine remembers of a rollout: one file, whose first line says what was planned, and each further
//! line is an event. Lines are only ever added, so a command that is killed loses at most the last one.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nixfleet_activate::SCHEMA;
use nixfleet_activate::fleet::Host;
use nixfleet_activate::problem::{Code, Problem};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::{Outline, RolloutId, Told};
use crate::event::{Event, Happening, Listener};
use crate::state::{StateDir, unusable};

/// The directory of the records.
const FOLDER: &str = "rollouts";
/// How many are kept at least.
const KEPT: usize = 200;

/// What was planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// Always [`SCHEMA`].
    pub schema: u32,
    /// The rollout.
    pub rollout: RolloutId,
    /// When it began.
    pub began: Timestamp,
    /// Who began it, `user@machine`.
    pub operator: String,
    /// The flake that describes the fleet.
    pub flake: String,
    /// What it goes by.
    pub outline: Outline,
    /// Its hosts by name, with their closures.
    pub hosts: BTreeMap<String, Planned>,
}

/// A host, and what it is to become.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// The host.
    pub host: Host,
    /// Its closure.
    pub closure: String,
}

impl Head {
    /// What is planned now.
    pub fn new(
        rollout: RolloutId,
        flake: String,
        outline: Outline,
        hosts: BTreeMap<String, Planned>,
    ) -> Self {
        let (began, operator) = (Timestamp::now(), crate::remote::operator());
        Self { schema: SCHEMA, rollout, began, operator, flake, outline, hosts }
    }
}

/// A record that is being written. While it is, nobody else may.
pub struct Record {
    file: File,
    rollout: RolloutId,
}

impl Record {
    /// Begins a record.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn begin(state: &StateDir, head: &Head) -> Result<Self, Problem> {
        let folder = state.folder(FOLDER)?;
        let path = path_of(&folder, &head.rollout);
        let failed = |error: std::io::Error| unusable(&path, &error);
        let mut line = serde_json::to_vec(head).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(failed)?;
        file.write_all(&line).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        flock(file.as_file(), FlockOperation::NonBlockingLockExclusive)
            .map_err(|error| failed(error.into()))?;
        let file = file.persist(&path).map_err(|error| failed(error.error))?;
        forget_old(&folder);
        Ok(Self { file, rollout: head.rollout.clone() })
    }

    /// Reads a record, to write on.
    ///
    /// # Errors
    /// There is none of this name, it cannot be read, or another command is writing it.
    pub fn resume(state: &StateDir, rollout: &RolloutId) -> Result<(Head, Told, Self), Problem> {
        let path = path_of(&state.folder(FOLDER)?, rollout);
        let opened = OpenOptions::new().read(true).append(true).open(&path);
        let mut file = opened.map_err(|error| missing(state, rollout, &error))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            Problem::new(Code::Usage, "the rollout is being carried out")
                .at(rollout)
                .because("another nixfleet on this machine is at it")
                .help("wait for it to end, or interrupt it there")
        })?;
        let (head, told, is_torn) = read(&path, &mut file)?;
        if is_torn {
            file.write_all(b"\n").map_err(|error| unusable(&path, &error))?;
        }
        Ok((head, told, Self { file, rollout: rollout.clone() }))
    }

    /// Reads a record.
    ///
    /// # Errors
    /// There is none of this name, or it cannot be read.
    pub fn look(state: &StateDir, rollout: &RolloutId) -> Result<(Head, Told), Problem> {
        let path = path_of(&state.folder(FOLDER)?, rollout);
        let mut file = File::open(&path).map_err(|error| missing(state, rollout, &error))?;
        read(&path, &mut file).map(|(head, told, _)| (head, told))
    }

    /// All rollouts that are remembered, the last one first.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn all(state: &StateDir) -> Result<Vec<RolloutId>, Problem> {
        let folder = state.folder(FOLDER)?;
        let mut names = names(&folder).map_err(|error| unusable(&folder, &error))?;
        for of_a_second in names.chunk_by_mut(|one, other| one.second() == other.second()) {
            if of_a_second.len() > 1 {
                of_a_second.sort_by_cached_key(|rollout| {
                    Reverse(Self::look(state, rollout).map(|(head, _)| head.began).ok())
                });
            }
        }
        Ok(names)
    }
}

impl Listener for Record {
    fn name(&self) -> &'static str {
        "the record of the rollout, which cannot be resumed now"
    }

    fn hear(&mut self, event: &Event) -> anyhow::Result<()> {
        let lasts = match event.happening {
            Happening::RolloutBegan { resumed, .. } => resumed,
            Happening::HostEnded(_) | Happening::RolloutPaused { .. } | Happening::RolloutEnded { .. } => {
                true
            }
            _ => false,
        };
        if !lasts || event.rollout.as_ref() != Some(&self.rollout) {
            return Ok(());
        }
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        if matches!(event.happening, Happening::RolloutEnded { .. }) {
            self.file.sync_data()?;
        }
        Ok(())
    }
}

fn path_of(folder: &Path, rollout: &RolloutId) -> PathBuf {
    folder.join(format!("{rollout}.jsonl"))
}

fn names(folder: &Path) -> std::io::Result<Vec<RolloutId>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        names.extend(name.to_str().and_then(|name| name.strip_suffix(".jsonl")?.parse().ok()));
    }
    names.sort_by(|one: &RolloutId, other| other.cmp(one));
    Ok(names)
}

/// Old records are of no more use; that they stay is no harm.
fn forget_old(folder: &Path) {
    for old in names(folder).unwrap_or_default().iter().skip(KEPT) {
        let _ = std::fs::remove_file(path_of(folder, old));
    }
}

/// What was planned, what became of it, and whether the last line was never finished.
fn read(path: &Path, file: &mut File) -> Result<(Head, Told, bool), Problem> {
    let unreadable = |why: String| {
        Problem::new(Code::Usage, "the record of the rollout cannot be read").at(path.display()).because(why)
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| unreadable(error.to_string()))?;
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let head: Head = serde_json::from_slice(first).map_err(|error| unreadable(error.to_string()))?;
    if head.schema != SCHEMA {
        return Err(unreadable(format!("it has schema {}, this nixfleet reads {SCHEMA}", head.schema)));
    }
    let mut told = Told::default();
    // A line that was cut off, or that a later nixfleet wrote, says nothing.
    for event in lines.filter_map(|line| serde_json::from_slice::<Event>(line).ok()) {
        told.hear(event);
    }
    Ok((head, told, bytes.last() != Some(&b'\n')))
}

fn missing(state: &StateDir, rollout: &RolloutId, error: &std::io::Error) -> Problem {
    let problem = Problem::new(Code::NoRollout, "nothing is known of this rollout").at(rollout);
    if error.kind() != std::io::ErrorKind::NotFound {
        return problem.because(error);
    }
    let known = Record::all(state).unwrap_or_default();
    let known: Vec<String> = known.iter().take(5).map(ToString::to_string).collect();
    problem
        .because(if known.is_empty() {
            "this machine remembers none".to_owned()
        } else {
            format!("the last ones that this machine remembers are {}", known.join(", "))
        })
        .help("it is known where it was begun; see the name that apply printed there")
}

#[cfg(test)]
mod tests {
    use nixfleet_activate::policy::Policy;
    use nixfleet_activate::report::Outcome;

    use super::*;
    use crate::event::{Bus, End, HostEnd};
    use crate::rollout::waves_tests::{fleet, host};

    fn head(rollout: &RolloutId) -> Head {
        let hosts = ["a", "b"].map(|name| host(name, &[]));
        let outline = Outline::of(&fleet(&hosts, &[]), &hosts, Policy::plain()).unwrap();
        let planned = |host: Host| (host.name.clone(), Planned { host, closure: "/nix/store/x".into() });
        Head::new(rollout.clone(), "/fleet".into(), outline, hosts.map(planned).into())
    }

    fn ended(host: &str, outcome: Outcome) -> Happening {
        let host = host.to_owned();
        Happening::HostEnded(HostEnd {
            host,
            outcome,
            problem: None,
            before: None,
            after: None,
            duration_ms: 1,
        })
    }

    #[test]
    fn a_record_says_what_was_planned_and_what_became_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let (state, id) = (StateDir::at(directory.path()), RolloutId::draw());
        let (bus, planned) = (Bus::default(), head(&id));
        bus.subscribe(Record::begin(&state, &planned).unwrap());
        bus.of(id.clone()).say(ended("a", Outcome::Ok));
        bus.of(RolloutId::draw()).say(ended("b", Outcome::Ok));
        assert_eq!(Record::resume(&state, &id).err().unwrap().what, "the rollout is being carried out");
        bus.of(id.clone()).say(Happening::RolloutEnded { end: End::Paused, duration_ms: 1 });
        drop(bus);
        let (head, told, _) = Record::resume(&state, &id).unwrap();
        assert_eq!((head, told.hosts.len(), told.end), (planned, 1, Some(End::Paused)));
        assert_eq!(Record::all(&state).unwrap(), [id]);
    }

    #[test]
    fn of_two_rollouts_that_began_in_one_second_the_later_one_is_the_last() {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDir::at(directory.path());
        let ids =
            ["c", "b", "d"].map(|letter| format!("20261120-140322-{}", letter.repeat(4)).parse().unwrap());
        for (nanosecond, id) in ids.iter().enumerate() {
            let began = "2026-11-20T14:03:22Z".parse::<Timestamp>().unwrap();
            let began = began + std::time::Duration::from_nanos(nanosecond as u64);
            Record::begin(&state, &Head { began, ..head(id) }).unwrap();
        }
        let [first, second, third] = ids;
        assert_eq!(Record::all(&state).unwrap(), [third, second, first]);
    }

    #[test]
    fn a_line_that_was_cut_off_is_no_line() {
        let directory = tempfile::tempdir().unwrap();
        let (state, id) = (StateDir::at(directory.path()), RolloutId::draw());
        let mut record = Record::begin(&state, &head(&id)).unwrap();
        record.file.write_all(b"{\"schema\":1,\"ti").unwrap();
        drop(record);
        let (_, told, mut record) = Record::resume(&state, &id).unwrap();
        assert_eq!(told, Told::default());
        record.hear(&Event::now(Some(id.clone()), ended("a", Outcome::Ok))).unwrap();
        drop(record);
        assert_eq!(Record::look(&state, &id).unwrap().1.hosts.len(), 1);
    }

    #[test]
    fn a_rollout_that_is_not_known_says_which_are() {
        let directory = tempfile::tempdir().unwrap();
        let (state, id) = (StateDir::at(directory.path()), RolloutId::draw());
        Record::begin(&state, &head(&id)).unwrap();
        let problem = Record::look(&state, &"20200101-000000-bbbb".parse().unwrap()).unwrap_err();
        assert_eq!(problem.why, Some(format!("the last ones that this machine remembers are {id}")));
    }
}
