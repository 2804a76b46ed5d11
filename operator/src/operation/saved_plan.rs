//! A saved plan: the closure and the plan of each host, so that exactly these changes can be applied later.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use nixfleet_contract::SCHEMA;
use nixfleet_contract::fleet::Host;
use nixfleet_contract::plan::Plan;
use nixfleet_contract::problem::{Code, Problem};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::host_plan::HostPlan;
use super::planned_change::PlannedChange;
use crate::nix::{Closure, ROOT_NAME, create_roots, stored};
use crate::plan_text::PlanText;
use crate::rollout::{Outline, RolloutOrigin};

/// The content of the file that `plan --out` writes and `apply --plan` reads.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavedPlan {
    schema: u32,
    /// The fleet for which the plan was made.
    pub origin: RolloutOrigin,
    /// The rules and waves of the rollout.
    pub outline: Outline,
    hosts: Vec<SavedHost>,
}

/// A host in a saved plan.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SavedHost {
    host: Host,
    closure: String,
    plan: SavedText,
}

/// The plan of a host. A saved file contains the whole plan, but only the fingerprint is kept when the file
/// is read.
#[derive(Debug)]
enum SavedText {
    Shown(PlanText),
    Fingerprint(String),
}

impl Serialize for SavedText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Shown(plan) => plan.serialize(serializer),
            Self::Fingerprint(_) => {
                Err(serde::ser::Error::custom("a plan that was read is not written again"))
            }
        }
    }
}

impl<'de> Deserialize<'de> for SavedText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Plan::deserialize(deserializer).map(|plan| Self::Fingerprint(plan.fingerprint))
    }
}

impl SavedText {
    fn fingerprint(&self) -> &str {
        match self {
            Self::Shown(plan) => &plan.fingerprint,
            Self::Fingerprint(fingerprint) => fingerprint,
        }
    }
}

impl SavedPlan {
    /// Creates a saved plan from the plans of all hosts.
    ///
    /// # Errors
    /// Fails if a host has no plan, because then it is unknown which change to apply later.
    pub fn of(
        plans: &[HostPlan<PlannedChange<Closure>>],
        origin: RolloutOrigin,
        outline: Outline,
    ) -> Result<Self, Problem> {
        let hosts = plans.iter().map(|each| match each.known() {
            Some(planned) if planned.plan.interrupted.is_some() => {
                let host = each.name();
                Err(Problem::new(Code::Usage, "the plan is not saved")
                    .at(host)
                    .because("a run was interrupted on the host, so its plan changes as soon as it recovers")
                    .help(format!("recover the host first: nixfleet apply --host {host}")))
            }
            Some(planned) => Ok(SavedHost {
                host: each.session.host().clone(),
                closure: planned.target.path.clone(),
                plan: SavedText::Shown(planned.plan.clone()),
            }),
            None => Err(Problem::new(Code::Usage, "the plan is not saved")
                .at(each.name())
                .because("there is no plan for this host")
                .help("solve the problem of this host first, or use --on to select only the other hosts")),
        });
        Ok(Self { schema: SCHEMA, origin, outline, hosts: hosts.collect::<Result<_, Problem>>()? })
    }

    /// Writes the plan to a file.
    ///
    /// # Errors
    /// Fails if the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Problem> {
        let failed = |why: String| {
            Problem::new(Code::Usage, "the plan cannot be saved").at(path.display()).because(why)
        };
        // An existing pipe or device is written to, and is not replaced by a regular file.
        if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            let opened = File::options().write(true).open(path);
            return opened.and_then(|file| self.write_to(file)).map_err(|error| failed(error.to_string()));
        }
        // A plan reveals much about a host, even without the content of private files. The new file is
        // therefore readable only by its owner.
        let directory =
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file =
            tempfile::NamedTempFile::new_in(directory).map_err(|error| failed(error.to_string()))?;
        self.write_to(&mut file).map_err(|error| failed(error.to_string()))?;
        file.persist(path).map(drop).map_err(|error| failed(error.error.to_string()))
    }

    fn write_to(&self, file: impl Write) -> io::Result<()> {
        let mut out = BufWriter::new(file);
        serde_json::to_writer_pretty(&mut out, self)?;
        out.flush()
    }

    /// Reads a saved plan.
    ///
    /// # Errors
    /// Fails if the file is not a plan that this version of NixFleet can read, or if a closure is missing
    /// from the store.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        let failed = |why: String| {
            Problem::new(Code::Usage, "the saved plan cannot be read")
                .at(path.display())
                .because(why)
                .help("create a new plan: nixfleet plan --out FILE")
        };
        let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
        let saved: Self = serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
        if saved.schema != SCHEMA {
            return Err(failed(format!(
                "the saved plan has schema {}, but this nixfleet can read only schema {SCHEMA}",
                saved.schema
            )));
        }
        if let Some(host) = saved.hosts.iter().find(|host| !stored::is_path(&host.closure)) {
            return Err(failed(format!("the closure of {} is not a store path", host.host.name)));
        }
        match saved.hosts.iter().find(|host| !Path::new(&host.closure).exists()) {
            Some(gone) => Err(Problem::new(
                Code::PlanOutdated,
                "a host closure of the saved plan is no longer in the Nix store",
            )
            .at(&gone.closure)
            .help("create a new plan: nixfleet plan --out FILE")),
            None => Ok(saved),
        }
    }

    /// Protects the closures of a plan from the garbage collection of this machine, after the plan was
    /// written to a file. Does nothing if the file is a pipe or a device. The protection lasts until
    /// [`Self::release`], or until the user removes the directory of the roots, which is beside the file.
    ///
    /// # Errors
    /// As for [`create_roots`].
    pub async fn protect(&self, path: &Path) -> Result<(), Problem> {
        if !std::fs::metadata(path).is_ok_and(|found| found.is_file()) {
            return Ok(());
        }
        Self::release(path);
        let roots = roots_of(path);
        let roots = std::path::absolute(&roots).unwrap_or(roots);
        create_roots(&roots, &self.hosts.iter().map(|saved| saved.closure.clone()).collect()).await
    }

    /// Ends the protection of the closures of a plan. Roots that cannot be removed stay.
    pub fn release(path: &Path) {
        let roots = roots_of(path);
        for entry in std::fs::read_dir(&roots).into_iter().flatten().flatten() {
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            if is_link && entry.file_name().to_string_lossy().starts_with(ROOT_NAME) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        // The directory stays if it has other files, which NixFleet did not create.
        let _ = std::fs::remove_dir(&roots);
    }

    /// Returns the hosts of the plan.
    #[must_use]
    pub fn hosts(&self) -> Vec<Host> {
        self.hosts.iter().map(|saved| saved.host.clone()).collect()
    }

    /// Returns the closures of the plan, by host name.
    #[must_use]
    pub fn closures(&self) -> BTreeMap<String, Closure> {
        let closure = |saved: &SavedHost| (saved.host.name.clone(), Closure { path: saved.closure.clone() });
        self.hosts.iter().map(closure).collect()
    }

    /// Returns a problem if the current plan of a host differs from its saved plan.
    #[must_use]
    pub fn objection(&self, host: &str, now: &PlanText) -> Option<Problem> {
        let saved = self.hosts.iter().find(|saved| saved.host.name == host)?;
        (saved.plan.fingerprint() != now.fingerprint).then(|| {
            Problem::new(Code::PlanOutdated, "the host changed after the plan was saved")
                .at(host)
                .because("the current plan of the host differs from the saved plan")
                .help("inspect the difference and save a new plan: nixfleet plan --out FILE")
        })
    }
}

/// Returns the directory of the garbage collection roots of a plan, which is beside the file of the plan.
fn roots_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".roots");
    name.into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileTypeExt;
    use std::process::Command;

    use nixfleet_contract::policy::Policy;

    use super::*;

    #[test]
    fn what_is_no_file_gets_the_plan_and_stays_what_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let (budgets, groups, waves) = (Vec::new(), Vec::new(), Vec::new());
        let outline = Outline { policy: Policy::plain(), budgets, groups, waves };
        let origin = RolloutOrigin { flake: "/fleet".into(), revision: None, notifications: BTreeMap::new() };
        let saved = SavedPlan::of(&[], origin, outline).unwrap();
        let read = std::thread::scope(|scope| {
            let reader = scope.spawn(|| std::fs::read(&pipe).unwrap());
            saved.write(&pipe).unwrap();
            reader.join().unwrap()
        });
        assert!(serde_json::from_slice::<SavedPlan>(&read).is_ok());
        assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());
        assert!(saved.write(directory.path()).is_err());
    }

    #[test]
    fn only_own_roots_of_a_plan_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        let plan = directory.path().join("today.plan");
        let roots = directory.path().join("today.plan.roots");
        std::fs::create_dir(&roots).unwrap();
        for name in ["closure", "closure-1", "mine"] {
            std::os::unix::fs::symlink("/nix/store/x", roots.join(name)).unwrap();
        }
        SavedPlan::release(&plan);
        let left: Vec<_> =
            std::fs::read_dir(&roots).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["mine"]);
        std::fs::remove_file(roots.join("mine")).unwrap();
        SavedPlan::release(&plan);
        assert!(!roots.exists());
    }

    #[test]
    fn a_plan_that_the_first_nixfleet_saved_is_read() {
        let text = include_str!("../../tests/fixtures/schema-1/saved-plan.json");
        let saved: SavedPlan = serde_json::from_str(text).unwrap();
        let [host] = saved.hosts.as_slice() else { panic!("{} hosts", saved.hosts.len()) };
        assert_eq!((saved.schema, host.host.name.as_str()), (1, "web-1"));
        let old: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(old["hosts"][0]["plan"]["fingerprint"], host.plan.fingerprint());
    }
}
