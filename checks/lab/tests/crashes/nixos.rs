//! Kills an apply on a stand-in for a NixOS host before one of the changes that the apply makes. The host
//! must end in exactly the old or exactly the new generation, and its boot default must never be an
//! unconfirmed system.

use std::env;
use std::fs;

use nixfleet_lab::binaries::Binaries;
use nixfleet_lab::command::{Finished, Program};
use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::Lab;
use nixfleet_lab::snapshot::Snapshot;
use serde_json::Value;

use super::walk::some;
use super::{SOAK, report};
use crate::stage::nixos::{boot_default, booted, declares, fresh, native_profile, reboots, running};

const HOST: &str = "db-1";
const FAULTY: &str = "/var/tmp/faulty";
const LOG: &str = "/var/tmp/log";
/// A script that copies the files of the old generation, from which the host is reset.
const SAVE: &str = "mkdir /var/tmp/old && cp --archive --parents /srv /boot /var/lib/nixfleet /nix/var/nix/profiles \
                    /nix/var/nix/gcroots /var/tmp/old";
/// A script that resets the host to the old generation. `$0` is the old system.
const SET_BACK: &str = r#"
  cd /var/tmp/old
  for path in srv boot var/lib/nixfleet nix/var/nix/profiles nix/var/nix/gcroots; do
    rm --recursive --force "/$path"
    cp --archive --no-target-directory "$path" "/$path"
  done
  rm --force /run/nixos/*-list
  "$0/bin/switch-to-configuration" test
"#;

/// A script that succeeds if the boot loader has an entry for one boot.
const IS_ONCE: &str = "test -e /boot/loader/oneshot";

/// The way in which the host is recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rescue {
    /// The next run of the activator recovers the host.
    NextRun,
    /// After a killed run, the activator's command `recover` recovers the host.
    Recovery,
    /// After a power cut, a systemd unit of NixFleet recovers the host at the next boot.
    Boot,
}

/// A NixOS host that is changed from an old to a new generation, reset, and changed again for each trial.
struct Walker<'l> {
    guest: &'l Guest,
    /// The closure of the new generation.
    closure: String,
    old: Snapshot,
    new: Snapshot,
    /// The old and the new system.
    systems: [String; 2],
    /// Whether the new generation boots once before it becomes the boot default, so that no crash may change
    /// the boot default.
    boots_once: bool,
    runs: u64,
}

/// Returns the declarations of an application with a service, files inside and outside of /etc, and a
/// directory.
fn app(version: u32) -> String {
    format!(
        "nixfleet.systemd.units.\"app.service\" = {{ enabled = true; text = ''
           [Service]
           ExecStart=/usr/bin/sleep 10000{version}
           [Install]
           WantedBy=multi-user.target
         ''; }};
         nixfleet.files.\"/etc/app.conf\" = {{ text = \"{version}\"; restartUnits = [ \"app.service\" ]; }};
         nixfleet.files.\"/srv/app/version\".text = \"{version}\";
         nixfleet.files.\"/srv/app/{version}\".text = \"{version}\";
         nixfleet.directories.\"/srv/app/data\".mode = \"07{version}0\";"
    )
}

fn applies(lab: &Lab, nix: &str) {
    declares(lab, HOST, nix);
    lab.operator().unwrap().types("nixfleet apply --yes").unwrap().success().unwrap();
}

impl<'l> Walker<'l> {
    fn prepare(lab: &'l Lab) -> Self {
        let guest = lab.guest(HOST).unwrap();
        applies(lab, &app(1));
        // The first boot of a host starts units that no later boot starts.
        reboots(guest);
        let (old, from) = (Snapshot::take(guest).unwrap(), running(guest));
        guest.ask(SAVE).unwrap();
        let faulty = fs::read(Binaries::build_faulty().unwrap()).unwrap();
        let install = format!("cat > {FAULTY} && chmod +x {FAULTY}");
        guest.program("sh").unwrap().args(["-c", &install]).input(faulty).run().unwrap().success().unwrap();
        let new = Snapshot::take(guest).unwrap();
        let mut walker = Self {
            guest,
            closure: String::new(),
            old,
            new,
            systems: [from.clone(), from],
            boots_once: false,
            runs: 0,
        };
        walker.aims_at(lab, "");
        walker
    }

    /// Makes version two of the application the new generation, together with the declarations `more`.
    fn aims_at(&mut self, lab: &Lab, more: &str) {
        applies(lab, &(app(2) + more));
        self.new = Snapshot::take(self.guest).unwrap();
        self.systems[1] = running(self.guest);
        self.closure =
            self.guest.ask("readlink --canonicalize /nix/var/nix/profiles/nixfleet/system").unwrap();
        self.set_back();
    }

    /// Resets the host to the old generation, without using NixFleet. To verify the test itself, this asserts
    /// that the result is exactly the old state.
    fn set_back(&self) {
        if differing(&self.old, &Snapshot::take(self.guest).unwrap()).is_empty() {
            return;
        }
        let script = self.guest.program("sh").unwrap().args(["-ec", SET_BACK, &self.systems[0]]);
        script.run().unwrap().success().unwrap();
        let difference = differing(&self.old, &Snapshot::take(self.guest).unwrap());
        assert_eq!(difference, [""; 0], "the host cannot be set back");
    }

    /// Applies the new generation with a confirmation in advance. The activator runs directly, and not in a
    /// systemd unit.
    fn runs(&mut self, environment: &[String]) -> Finished {
        self.runs += 1;
        let run = format!("{:032x}", self.runs);
        let confirm = format!("echo '{{\"schema\":1}}' > /run/nixfleet/{run}.confirmed");
        self.guest.ask(&format!("mkdir -p /run/nixfleet\n{confirm}")).unwrap();
        let change =
            ["apply", "--closure", &self.closure, "--in-unit", "--run", &run, "--confirm-timeout", "60"];
        self.guest.program("env").unwrap().args(environment).arg(FAULTY).args(change).run().unwrap()
    }

    /// Applies the new generation without a fault, and returns the changes that this makes, one per line.
    fn changes(&mut self) -> Vec<String> {
        let done = self.runs(&[format!("NIXFLEET_FAULT_LOG={LOG}")]).success().unwrap();
        assert_eq!(self.judge(), Ok(true), "by hand as over SSH: {done}");
        self.set_back();
        self.guest.ask(&format!("cat {LOG} && rm {LOG}")).unwrap().lines().map(str::to_owned).collect()
    }

    /// Returns whether the host is exactly in the new generation (`true`) or in the old one.
    fn judge(&self) -> Result<bool, String> {
        let now = Snapshot::take(self.guest).unwrap();
        let (old, new) = (differing(&self.old, &now), differing(&self.new, &now));
        match (old.is_empty(), new.is_empty()) {
            (true, _) => Ok(false),
            (_, true) => Ok(true),
            _ => Err(format!("neither old {old:#?} nor new {new:#?}")),
        }
    }

    /// Returns the phase of the open transaction, or `None` if no transaction is open.
    fn phase(&self) -> Option<String> {
        let record = |name: &str| -> Option<Value> {
            let text = self.guest.files().unwrap().text(&format!("/var/lib/nixfleet/{name}")).ok()?;
            serde_json::from_str(&text).ok()
        };
        let journal = record("journal.json")?;
        let state = record("state.json").unwrap_or_default();
        (journal["transaction"] != state["transaction"])
            .then(|| journal["phase"].as_str().unwrap().to_owned())
    }

    /// Kills the apply before the change number `at`, and recovers the host. Returns whether the host ended
    /// in the new generation.
    fn death(&mut self, at: usize, rescue: Rescue) -> Result<bool, String> {
        let [old, _] = self.systems.clone();
        let killed = self.runs(&[format!("NIXFLEET_FAULT=kill {at}")]);
        let phase = self.phase();
        let confirmed = phase.as_deref().map_or(killed.ok(), |phase| phase == "confirmed");
        let committed = phase.is_none() && running(self.guest) != old;
        if self.boots_once || !confirmed && !committed {
            self.assert_defaults_are_old(&format!("in phase {phase:?}"))?;
        }
        match rescue {
            Rescue::Boot => {
                let (default, boots_once) = (boot_default(self.guest), self.guest.ask(IS_ONCE).is_ok());
                self.guest.power_cut().unwrap();
                self.guest.power_on().unwrap();
                let expected = if boots_once { self.systems[1].clone() } else { default };
                if booted(self.guest) != expected {
                    return Err(format!("it booted {}, and not {expected}", booted(self.guest)));
                }
                if self.phase().is_some() {
                    return Err("the boot has not recovered the host".to_owned());
                }
                if boots_once {
                    return self.finish_after_boot();
                }
            }
            Rescue::Recovery => {
                let recovered = self.activator().args(["recover", "--json"]).run().unwrap();
                recovered.success().map_err(|error| format!("recovery says {error}"))?;
            }
            Rescue::NextRun => {
                let next = self.activator().args(["rollback", "--to", "99", "--json"]).run().unwrap();
                // NF-409 says that there is no generation 99. The run must not report another problem.
                if !next.stdout.contains("NF-409") {
                    return Err(format!("the next run says {next}"));
                }
            }
        }
        if self.boots_once {
            self.assert_defaults_are_old(&format!("after {rescue:?}"))?;
        }
        self.judge()
    }

    /// Finishes the change of a host that has booted the new system once, and returns `true`. The new system
    /// becomes the boot default only now, when it has booted.
    fn finish_after_boot(&mut self) -> Result<bool, String> {
        let done = self.runs(&[]);
        let defaults = [boot_default(self.guest), native_profile(self.guest), running(self.guest)];
        if !done.ok() || defaults.iter().any(|system| *system != self.systems[1]) {
            return Err(format!("after the boot of the new system, {defaults:?}: {done}"));
        }
        // The next trial begins with the old kernel.
        self.set_back();
        self.guest.power_cut().unwrap();
        self.guest.power_on().unwrap();
        Ok(true)
    }

    /// Returns an error if the boot default or the current generation of the native profile is not the old
    /// system, and so a system that is not confirmed.
    fn assert_defaults_are_old(&self, moment: &str) -> Result<(), String> {
        let defaults =
            [("boot default", boot_default(self.guest)), ("native profile", native_profile(self.guest))];
        for (what, system) in defaults {
            if system != self.systems[0] {
                return Err(format!("{moment}, the {what} is {system}, which is not confirmed"));
            }
        }
        Ok(())
    }

    fn activator(&self) -> Program {
        self.guest.program(&format!("{}/activate", self.closure)).unwrap()
    }
}

/// Returns the lines in which a snapshot differs from an earlier one. Lines about the booted system and about
/// the exact content of NixFleet's recorded state are left out, because these depend on the trial. So are
/// records that a kill left half written, such as `journal.json.new`: the next write replaces them.
fn differing(before: &Snapshot, now: &Snapshot) -> Vec<String> {
    let difference = before.difference(now);
    let ignored = ["store /", "/run/booted-system", "/var/lib/nixfleet/state.json content"];
    let is_half_written = |line: &str| {
        let path = line.split([' ', ':']).next().unwrap_or_default();
        path.starts_with("/var/lib/nixfleet/") && path.ends_with(".json.new")
    };
    let counts =
        |line: &&str| !ignored.iter().any(|each| line[2..].starts_with(each)) && !is_half_written(&line[2..]);
    difference.lines().filter(counts).map(str::to_owned).collect()
}

#[test]
fn killed_before_the_changes_of_a_nixos_host() {
    let lab = fresh(&[HOST]);
    let mut walker = Walker::prepare(&lab);
    let log = walker.changes();
    let all = env::var_os(SOAK).is_some();
    let points = if all { (1..=log.len()).collect() } else { some(&log) };
    let (mut failures, mut ends, mut boots) = (Vec::new(), [0, 0], 0);
    for (index, at) in points.into_iter().enumerate() {
        let rescue = [Rescue::Boot, Rescue::NextRun, Rescue::Recovery][index % 3];
        boots += usize::from(rescue == Rescue::Boot);
        match walker.death(at, rescue) {
            Ok(new) => ends[usize::from(new)] += 1,
            Err(failure) => {
                failures.push(format!("killed at change {at}, {}, then {rescue:?}: {failure}", log[at - 1]));
            }
        }
        walker.set_back();
    }
    assert!(!failures.is_empty() || ends.iter().all(|end| *end > 0), "{ends:?}");
    let (of_kernel, failed) = killed_before_a_new_kernel_is_to_boot(&lab, &mut walker);
    failures.extend(failed);
    let points = if all {
        format!("all {} points", log.len())
    } else {
        format!("every 24th point of more than {}, and the first of each kind", log.len() / 20 * 20)
    };
    let tried = format!(
        "{points}, to kill the process at, with a NixOS system and files; {} or more with a power cut; 3 kills \
         before the boot loader is told to boot a new kernel once{}",
        boots.min(4),
        if all { format!(", and all {of_kernel} points of that change") } else { String::new() }
    );
    report("nixos::killed_before_the_changes_of_a_nixos_host", &tried, &failures);
}

/// Kills an apply of a new kernel before the boot loader gets an entry for the kernel, and just before it is
/// told to boot the kernel once. `make soak-hosts` kills it before each change. Returns the number of
/// changes, and the failures.
fn killed_before_a_new_kernel_is_to_boot(lab: &Lab, walker: &mut Walker<'_>) -> (usize, Vec<String>) {
    walker.aims_at(lab, "boot.kernelRelease = \"6.12.9\";");
    let log = walker.changes();
    let told = log.iter().position(|line| line.contains("bootctl")).unwrap_or_else(|| panic!("{log:#?}"));
    let installs = log[..told].iter().rposition(|line| line.contains("\tRun\tenv"));
    let installs = installs.unwrap_or_else(|| panic!("{log:#?}"));
    // The host runs the new system, so the next run completes the change. After a power cut, the host runs
    // the boot default, which is the old system.
    let mut trials = vec![
        (told, Rescue::NextRun, Some(true)),
        (told, Rescue::Boot, Some(false)),
        (installs, Rescue::Recovery, Some(true)),
    ];
    if env::var_os(SOAK).is_some() {
        let rescues = [Rescue::NextRun, Rescue::Boot, Rescue::Recovery];
        trials.extend((0..log.len()).map(|index| (index, rescues[index % 3], None)));
    }
    walker.boots_once = true;
    let mut failures = Vec::new();
    for (index, rescue, is_new) in trials {
        let end = walker.death(index + 1, rescue);
        if end.is_err() || is_new.is_some_and(|is_new| end != Ok(is_new)) {
            failures.push(format!("a new kernel: killed at {}, then {rescue:?}: {end:?}", log[index]));
        }
        walker.set_back();
    }
    (log.len(), failures)
}
