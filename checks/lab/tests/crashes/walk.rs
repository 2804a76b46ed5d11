//! Kills an apply on a real host before one of the changes that it makes. The host is then recovered by the
//! next run, by the recovery after the run, or at boot. In each case, the host must end in exactly the old or
//! exactly the new generation.

use std::collections::BTreeSet;
use std::env;
use std::thread;

use nixfleet_lab::lab::{Lab, Plan};

use super::field::{End, Field, role};
use super::{ALL_OR_NOTHING, SOAK, record, report};

/// The units that no trial may restart: one that the change does not affect, and one that is only reloaded.
const NEVER_RESTARTED: [&str; 2] = ["steady.service", "reloaded.service"];

/// The way in which the host is recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rescue {
    /// The next run of the activator recovers the host, whatever the subcommand of that run is.
    NextRun,
    /// The recovery that is started after a killed run recovers the host.
    Recovery,
    /// After a power cut, the recovery unit recovers the host at the next boot.
    Boot,
}

/// The results of the trials on one host.
#[derive(Default)]
struct Trials {
    failures: Vec<String>,
    old: usize,
    new: usize,
    boots: usize,
    applied: usize,
}

impl Trials {
    /// Kills the change at one point, recovers the host and compares its state. If `goes_on` is set, then
    /// applies the change once more.
    fn death(&mut self, field: &mut Field<'_>, at: usize, rescue: Rescue, calm: bool, goes_on: bool) {
        let trial = format!("killed at change {at}, then {rescue:?} on {}", field.guest.name());
        if let Err(failure) = field.dies(at) {
            self.failures.push(format!("{trial}: {failure}"));
        }
        // Without a journal, a boot has nothing to recover, so the next run is tried in place of a boot.
        let open = field.guest.files().unwrap().exists("/var/lib/nixfleet/journal.json");
        let rescue = if rescue == Rescue::Boot && !open { Rescue::NextRun } else { rescue };
        if let Err(failure) = self.rescue(field, rescue) {
            self.failures.push(format!("{trial}: {failure}"));
        }
        match field.judge() {
            Err(failure) => self.failures.push(format!("{trial}: {failure}")),
            Ok((End::New, now)) => {
                self.new += 1;
                return field.set_back_from(now);
            }
            Ok((End::Old, now)) => {
                self.old += 1;
                let restarted = |unit: &&String| now.runs.get(*unit) != field.old.runs.get(*unit);
                let concerned = |unit: &&String| calm || NEVER_RESTARTED.contains(&unit.as_str());
                let restarted: Vec<_> = field.old.runs.keys().filter(concerned).filter(restarted).collect();
                if rescue != Rescue::Boot && !restarted.is_empty() {
                    self.failures.push(format!("{trial}: restarted {restarted:?} in vain"));
                }
                if !goes_on {
                    return field.set_back_from(now);
                }
                self.apply_at_last(field, &trial);
            }
        }
        field.set_back();
    }

    fn rescue(&mut self, field: &Field<'_>, rescue: Rescue) -> Result<(), String> {
        match rescue {
            Rescue::Boot => {
                self.boots += 1;
                field.guest.power_cut().unwrap();
                field.guest.power_on().unwrap();
                Ok(())
            }
            Rescue::Recovery => {
                let recovered = field.activator().args(["recover", "--json"]).run().unwrap();
                if recovered.ok() { Ok(()) } else { Err(format!("recovery says {recovered}")) }
            }
            Rescue::NextRun => {
                let next = field.activator().args(["rollback", "--to", "99", "--json"]).run().unwrap();
                // NF-409 says that there is no generation 99. The run must not report another problem.
                if next.stdout.contains("NF-409") { Ok(()) } else { Err(format!("the next run says {next}")) }
            }
        }
    }

    /// Asserts that an apply after the recovery results in the new generation.
    fn apply_at_last(&mut self, field: &Field<'_>, trial: &str) {
        self.applied += 1;
        let applied = field.activator().args(["apply", "--closure", &field.closure, "--json"]).run().unwrap();
        let different = field.survey().differences(&field.new);
        if !applied.ok() || !different.is_empty() {
            self.failures.push(format!("{trial}: the next apply gives {different:#?} {applied}"));
        }
    }
}

/// Kills the change at each of the given points. Several hosts work at the same time, each on a share of the
/// points.
fn walk(fields: Vec<Field<'_>>, points: impl Fn(&[String]) -> Vec<usize> + Sync) -> (usize, Trials) {
    let hosts = fields.len();
    let mut total = Trials::default();
    let mut changes = 0;
    thread::scope(|scope| {
        let points = &points;
        let walkers = fields.into_iter().enumerate().map(|(share, mut field)| {
            scope.spawn(move || {
                let log = field.changes();
                let disturbing = first_unit_job(&log);
                let mut trials = Trials::default();
                for (index, at) in
                    points(&log).into_iter().enumerate().filter(|(index, _)| index % hosts == share)
                {
                    let rescue = match index % 12 {
                        7 => Rescue::Boot,
                        // With two hosts, each gets every second point. The way of recovery changes after
                        // every three points, so each host tries both `NextRun` and `Recovery`.
                        share if share / 3 % 2 == 0 => Rescue::NextRun,
                        _ => Rescue::Recovery,
                    };
                    trials.death(&mut field, at, rescue, at <= disturbing, index % 12 == 4);
                }
                (lasting(&log), trials)
            })
        });
        for walker in walkers.collect::<Vec<_>>() {
            let (count, trials) = walker.join().unwrap();
            changes = changes.max(count);
            total.failures.extend(trials.failures);
            total.old += trials.old;
            total.new += trials.new;
            total.boots += trials.boots;
            total.applied += trials.applied;
        }
    });
    (changes, total)
}

/// Returns the number of changes in the log. Calls of systemctl do not count, because their number depends on
/// how busy the machine is.
fn lasting(log: &[String]) -> usize {
    log.iter().filter(|line| !line.contains("Run\tsystemctl")).count()
}

/// Returns the number of the first change that affects a unit. It is the first call of systemctl after the
/// journal has recorded that all files are staged.
fn first_unit_job(log: &[String]) -> usize {
    let staged =
        log.iter().rposition(|line| line.contains("Rename\t/var/lib/nixfleet/journal.json.new")).unwrap();
    log[staged..].iter().position(|line| line.contains("Run\tsystemctl")).unwrap() + staged + 1
}

/// The distance between two changes that are tried.
const EVERY: usize = 24;

/// Returns the numbers of every 24th change, and of the first change of each kind. Each tool counts as a
/// kind of its own. All changes are tried on trees of files by the activator's own tests, and on real hosts
/// by `make soak-hosts`.
pub fn some(log: &[String]) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let chosen = log.iter().enumerate().filter(|(index, line)| seen.insert(kind(line)) || index % EVERY == 0);
    chosen.map(|(index, _)| index + 1).collect()
}

/// Returns the kind of the change in a line of the log. The kind is the text after the number of the change.
fn kind(line: &str) -> &str {
    let (_, change) = line.split_once('\t').unwrap();
    if change.starts_with("Run\t") { change } else { change.split('\t').next().unwrap() }
}

#[test]
fn killed_before_the_changes_of_a_real_host() {
    let lab = Lab::boot(&Plan::of_test().without("db-1")).unwrap();
    let fields = Field::prepare(&lab, &["web-1", "web-2"], [&role("old"), &role("new")]);
    if env::var_os(SOAK).is_some() {
        let (changes, trials) = walk(fields, |log| (1..=log.len()).collect());
        let tried = format!("all of more than {} points to kill the process at", changes / 20 * 20);
        return report("walk::killed_before_the_changes_of_a_real_host", &tried, &trials.failures);
    }
    let (changes, trials) = walk(fields, some);
    let tried = format!(
        "every 24th point of more than {} to kill the process at, and the first of each kind, with users, files, units \
         and profile; {} or more put right by the boot, {} or more applied again at once",
        changes / 20 * 20,
        trials.boots.min(2),
        trials.applied.min(2)
    );
    record(ALL_OR_NOTHING, "walk::killed_before_the_changes_of_a_real_host", &tried, &trials.failures);
}

/// With more than a hundred operations, whole filesystems are synced instead of single files.
#[test]
fn killed_while_many_files_of_a_real_host_change() {
    let lab = Lab::boot(&Plan::of_test().only("web-1")).unwrap();
    let points = if env::var_os(SOAK).is_some() { 24 } else { 4 };
    let many = |text: &str| {
        let files = (0..120).map(|n| format!("  nixfleet.files.\"/srv/many/{n}\".text = \"{text}\\n\";\n"));
        let role = role("old").replace("100001", text);
        role.trim_end().strip_suffix('}').unwrap().to_owned() + &files.collect::<String>() + "}\n"
    };
    let fields = Field::prepare(&lab, &["web-1"], [&many("100001"), &many("100002")]);
    let (changes, trials) = walk(fields, |log| {
        assert!(log.iter().any(|line| line.contains("SyncFilesystem")));
        (0..points).map(|share| 1 + share * log.len() / points).collect()
    });
    let tried = format!(
        "{} points to kill the process at, spread over more than {}, with 120 files",
        trials.old + trials.new,
        changes / 50 * 50
    );
    report("walk::killed_while_many_files_of_a_real_host_change", &tried, &trials.failures);
}
