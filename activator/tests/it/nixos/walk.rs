//! Runs on a NixOS host that are killed before their changes, and the recoveries.

use std::collections::BTreeSet;

use crate::ledger;
use crate::nixos_host::NixosHost;

/// The arguments of a run that only recovers, since generation 99 does not exist.
pub const RECOVER: [&str; 3] = ["rollback", "--to", "99"];

/// Returns the distance between two changes to try, which is 1 if all cases are requested.
pub fn every(distance: usize) -> usize {
    if ledger::soaks() { 1 } else { distance }
}

/// How a host is recovered after a run was killed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Recovery {
    /// The host is not restarted, and the next NixFleet command recovers it.
    Contact,
    /// The host is restarted, and recovers itself while it boots.
    Boot,
    /// The host is restarted without its recovery unit, and the next NixFleet command recovers it.
    BootThenContact,
}

/// A run that changes the system of a NixOS host, or that fails and is undone.
pub struct Run<'h> {
    host: &'h NixosHost<'h>,
    /// The name of the saved host before the run.
    from: &'static str,
    arguments: Vec<&'h str>,
    /// Whether to try all kinds of recovery after each kill that has touched the NixOS system.
    with_all_recoveries: bool,
    /// The changes that the run makes, one line each.
    pub changes: Vec<String>,
    /// The ends of the host before the run.
    before: [String; 4],
    /// The ends of the host after the run. They are the same as before the run if the run is undone.
    after: [String; 4],
}

impl<'h> Run<'h> {
    /// Measures a run on a saved host. The host is then as the run leaves it.
    pub fn new(
        host: &'h NixosHost<'h>,
        from: &'static str,
        arguments: &[&'h str],
        with_all_recoveries: bool,
    ) -> Self {
        host.stand.load(from);
        let before = host.ends();
        let changes = host.stand.changes(arguments);
        Self {
            host,
            from,
            arguments: arguments.to_vec(),
            with_all_recoveries,
            changes,
            before,
            after: host.ends(),
        }
    }

    /// Kills the run before a change, and returns the phase of the transaction.
    fn kill(&self, at: usize) -> String {
        self.host.stand.load(self.from);
        self.host.stand.run(&self.arguments, Some(("kill", at)));
        self.host.phase()
    }

    /// Returns how the boot default and the native profile break their promise. As long as the change is not
    /// confirmed, both must be the old system. If the new system is first booted once, or if the run is
    /// undone, they must be the old system during the whole run.
    fn unconfirmed(&self, phase: &str) -> Vec<String> {
        let is_confirmed = phase == "confirmed" || phase == "committed";
        if is_confirmed && self.after[1] != self.before[1] {
            return Vec::new();
        }
        let old = &self.before[1];
        let defaults = [("boot default", self.host.default()), ("native profile", self.host.native())];
        let broken = defaults.into_iter().filter(|(_, system)| system != old);
        broken.map(|(what, system)| format!("the {what} is {system} and unconfirmed")).collect()
    }

    /// Returns the kinds of recovery to try after a kill.
    fn recoveries(&self, at: usize, phase: &str) -> &'static [Recovery] {
        const ALL: [Recovery; 3] = [Recovery::Contact, Recovery::Boot, Recovery::BootThenContact];
        // As long as the run has not touched the NixOS system, all three kinds of recovery do the same.
        // So only one kind is tried for each point, unless all cases are requested.
        let is_untouched = matches!(phase, "preparing" | "accounts" | "swapping");
        let is_one = (is_untouched || !self.with_all_recoveries) && !ledger::soaks();
        if is_one { &ALL[at % 3..=at % 3] } else { &ALL }
    }

    /// Kills the run before the changes of the given numbers. After the recovery, the running system, the
    /// boot default, the native profile and the managed file must all be old, or all new. Then the run must
    /// end as it does without a kill.
    pub fn is_killed(&self, test: &str, what: &str, points: impl Iterator<Item = usize>) {
        let host = self.host;
        let (mut failures, mut ends) = (Vec::new(), [0, 0]);
        for at in points {
            let phase = self.kill(at);
            failures.extend(self.unconfirmed(&phase).iter().map(|broken| format!("before {at}: {broken}")));
            for (nth, recovery) in self.recoveries(at, &phase).iter().copied().enumerate() {
                let trial = format!("killed before change {at}, then {recovery:?}");
                if nth > 0 {
                    self.kill(at);
                }
                if recovery != Recovery::Contact {
                    host.boots();
                }
                if recovery == Recovery::Boot {
                    host.stand.run(&["recover", "--boot"], None);
                }
                let is_new = self.recovers(&trial, &mut failures);
                ends[usize::from(is_new)] += 1;
                if !is_new {
                    let report = host.run(&self.arguments);
                    if host.ends() != self.after {
                        failures.push(format!("{trial}: the next run gives {:?} {report}", host.ends()));
                    }
                }
            }
        }
        let tried = format!(
            "{} points to kill the {what} at, or with a restart of the host: {} ended old, {} new",
            ends[0] + ends[1],
            ends[0],
            ends[1]
        );
        ledger::record("All or nothing", test, &tried, &failures);
    }

    /// Recovers the host by a run that does nothing else. Returns whether the host ended new.
    fn recovers(&self, trial: &str, failures: &mut Vec<String>) -> bool {
        let report = self.host.run(&RECOVER);
        if report["problem"]["code"] != "NF-409" {
            failures.push(format!("{trial}: the recovery says {report}"));
        }
        let end = self.host.ends();
        if end != self.before && end != self.after {
            failures.push(format!("{trial}: {end:?}"));
        }
        end == self.after && end != self.before
    }

    /// Kills the run before some of its changes, and then its recovery before some of the changes of the
    /// recovery. Every second recovery that is killed is the recovery of the boot. An unconfirmed change must
    /// end old.
    pub fn is_killed_again(&self, test: &str) {
        let stand = self.host.stand;
        let (mut failures, mut ends, mut phases) = (Vec::new(), [0, 0], BTreeSet::new());
        for first in (1..=self.changes.len()).step_by(every(8)) {
            let is_boot = first / 8 % 2 == 1;
            let recovery: &[&str] = if is_boot { &["recover", "--boot"] } else { &RECOVER };
            let kill = || {
                let phase = self.kill(first);
                if is_boot {
                    self.host.boots();
                }
                phase
            };
            kill();
            let changes = stand.changes(recovery).len();
            for second in (1 + first / 8 % 4..=changes).step_by(4) {
                let trial = format!("killed at {first}, then {recovery:?} at {second}");
                let phase = kill();
                stand.run(recovery, Some(("kill", second)));
                failures.extend(self.unconfirmed(&phase).iter().map(|broken| format!("{trial}: {broken}")));
                let is_new = self.recovers(&trial, &mut failures);
                if is_new && phase != "confirmed" && phase != "committed" {
                    failures.push(format!("{trial}: it ended new and was {phase}"));
                }
                ends[usize::from(is_new)] += 1;
                phases.insert(phase);
            }
        }
        for phase in ["swapping", "activating", "confirmed"] {
            assert!(phases.contains(phase), "{phases:?}");
        }
        let tried = format!(
            "{} pairs of a kill and a kill in the recovery: {} ended old, {} new",
            ends[0] + ends[1],
            ends[0],
            ends[1]
        );
        ledger::record("All or nothing", test, &tried, &failures);
    }
}
