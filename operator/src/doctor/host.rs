//! The findings about one host.

use nixfleet_contract::fleet::{Base, Host};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::status::Status;

use super::finding::Finding;
use crate::bootstrap::{BootstrapPlan, BootstrapTarget, Facts, OtherBootstrap, Step, StepState};

/// The difference between the clocks from which on a host gets a warning, in seconds. The query itself may
/// take some seconds.
const SKEW: u64 = 30;
/// The free space below which a host gets a warning, in KiB.
const TIGHT: u64 = 1 << 20;
/// The free inodes below which a host gets a warning.
const FEW_INODES: u64 = 50_000;

/// The facts that a host reported.
#[derive(Debug)]
pub struct Inspected {
    /// The facts, or the problem because of which they are unknown.
    pub facts: Result<Facts, Problem>,
    /// The status, `None` of a host that is not managed, or the problem because of which it is unknown.
    pub status: Result<Option<Status>, Problem>,
    /// The clock of the operator's machine when the host was asked, in seconds since 1970.
    pub now: i64,
}

/// Returns the findings about a host.
#[must_use]
pub fn host(host: &Host, inspected: &Inspected) -> Vec<Finding> {
    let mut findings = Vec::new();
    match &inspected.facts {
        Ok(facts) => {
            findings.push(Finding::good("connection", format!("{}@{}", host.ssh.user, host.addr)));
            findings.push(host_key(host));
            findings.push(Finding::good("root", format!("{} becomes root", host.ssh.user)));
            findings.extend(preparation(host, facts));
            findings.extend(space(host, facts));
            findings.extend(clock(host, facts, inspected.now));
            findings.extend(leftovers(host, facts));
            findings.extend(unfinished_packages(host, facts));
            findings.extend(held_starts(host, inspected));
            findings.extend(nixfleet(host, inspected));
        }
        Err(problem) => findings.extend(unreachable(host, problem)),
    }
    findings
}

fn unreachable(host: &Host, problem: &Problem) -> Vec<Finding> {
    let name = &host.name;
    match problem.code {
        Code::NoSudo => vec![
            Finding::good("connection", format!("{}@{}", host.ssh.user, host.addr)),
            host_key(host),
            Finding::bad("root", said(problem), format!("nixfleet bootstrap {name} --ask-password")),
        ],
        Code::HostKey if host.ssh.host_key.is_none() => {
            vec![Finding::bad("host-key", said(problem), format!("nixfleet host adopt {name}"))]
        }
        Code::SshAuth => {
            let help = format!(
                "load your key: ssh-add; or, if the host does not know it yet: nixfleet bootstrap {name} --login \
                 root --ask-password"
            );
            vec![Finding::bad("connection", said(problem), help)]
        }
        _ => vec![Finding::of_problem("connection", problem)],
    }
}

fn said(problem: &Problem) -> String {
    Finding::of_problem("", problem).what
}

fn host_key(host: &Host) -> Finding {
    match &host.ssh.host_key {
        Some(key) => {
            let kind = key.split(' ').next().unwrap_or_default();
            Finding::good("host-key", format!("the inventory has the key ({kind})"))
        }
        None => Finding::warning(
            "host-key",
            "the inventory does not have the key, so the known_hosts file of each operator decides",
            format!("nixfleet host adopt {}", host.name),
        ),
    }
}

/// Compares the host with what a bootstrap would make of it.
fn preparation(host: &Host, facts: &Facts) -> Vec<Finding> {
    if host.base == Base::Nixos {
        let version = facts.nix.as_deref().unwrap_or("unknown");
        return vec![Finding::good("nix", format!("Nix {version}"))];
    }
    let target = BootstrapTarget { host, keys: &[], installer: None, has_login: true };
    let plan = BootstrapPlan::of(&target, facts);
    let finding = |planned: &crate::bootstrap::PlannedStep| {
        let check = match planned.step {
            Step::Packages | Step::Installer => "nix",
            other => other.as_str(),
        };
        let again = || format!("nixfleet bootstrap {}", host.name);
        match planned.state {
            StepState::Done => Finding::good(check, &planned.detail),
            StepState::ToDo => Finding::bad(check, format!("missing: {}", planned.detail), again()),
            StepState::Cannot => {
                Finding::bad(check, &planned.detail, planned.help.clone().unwrap_or_else(again))
            }
        }
    };
    // Other findings have the space, and the login shows that the user, its keys and its rule work.
    let shown =
        |step: Step| !matches!(step, Step::Space | Step::User | Step::Keys | Step::Sudo | Step::Record);
    let systemd =
        facts.systemd.as_ref().map(|version| Finding::good("systemd", format!("systemd {version}")));
    plan.steps.iter().filter(|planned| shown(planned.step)).map(finding).chain(systemd).collect()
}

fn space(host: &Host, facts: &Facts) -> Vec<Finding> {
    let finding = |space: &crate::bootstrap::Space| {
        let free = space.kib.map_or_else(|| "?".to_owned(), |kib| format!("{} MiB", kib >> 10));
        let is_tight = space.kib.is_some_and(|kib| kib < TIGHT);
        let is_full = space.inodes.is_some_and(|inodes| inodes < FEW_INODES);
        let what = if is_full { format!("{free}, and few inodes") } else { free };
        let what = format!("{}: {what} free", space.path);
        if is_tight || is_full {
            Finding::warning("space", what, format!("nixfleet gc {} --collect", host.name))
        } else {
            Finding::good("space", what)
        }
    };
    facts.spaces.iter().map(finding).collect()
}

fn clock(host: &Host, facts: &Facts, now: i64) -> Option<Finding> {
    let clock = facts.clock?;
    let skew = clock.abs_diff(now);
    let side = if clock > now { "ahead of" } else { "behind" };
    Some(if skew <= SKEW {
        Finding::good("clock", format!("{skew} s {side} this machine"))
    } else {
        let help = format!("nixfleet run --sudo --host {} -- timedatectl set-ntp true", host.name);
        Finding::warning("clock", format!("{skew} s {side} this machine"), help)
    })
}

fn leftovers(host: &Host, facts: &Facts) -> Vec<Finding> {
    let name = &host.name;
    let mut findings = Vec::new();
    if let OtherBootstrap::Unfinished(earlier) = &facts.other {
        findings.push(Finding::warning(
            "bootstrap",
            format!("the bootstrap of {} has not ended", earlier.owner),
            format!("nixfleet bootstrap {name}"),
        ));
    }
    if let Some(first) = facts.leftovers.first() {
        let what = format!("{} temporary directories of interrupted commands", facts.leftovers.len());
        let paths: Vec<&str> = facts.leftovers.iter().map(String::as_str).collect();
        let paths = shlex::try_join(paths).unwrap_or_else(|_| first.clone());
        let help = format!("nixfleet run --sudo --host {name} -- rm -r {paths}");
        findings.push(Finding::warning("leftovers", what, help));
    }
    findings
}

/// Returns the finding that packages are only partly installed. On a host without Nix, the step that installs
/// Nix has this finding.
fn unfinished_packages(host: &Host, facts: &Facts) -> Option<Finding> {
    let said = facts.dpkg.as_ref().filter(|_| host.base == Base::Ubuntu && facts.nix.is_some())?;
    let help = format!("nixfleet run --sudo --host {} -- dpkg --configure -a", host.name);
    Some(Finding::warning("packages", format!("packages are only partly installed: {said}"), help))
}

/// Returns the finding that units of new packages do not start, because an apply failed after apt.
fn held_starts(host: &Host, inspected: &Inspected) -> Option<Finding> {
    let Ok(Some(status)) = &inspected.status else { return None };
    let starts = status.drift.iter().filter(|drift| drift.is_held_start());
    let units: Vec<&str> = starts.map(|drift| drift.subject.as_str()).collect();
    let what = format!("units of new packages do not start before an apply succeeds: {}", units.join(", "));
    let help = format!("nixfleet apply {}", host.name);
    (!units.is_empty()).then(|| Finding::warning("held-starts", what, help))
}

fn nixfleet(host: &Host, inspected: &Inspected) -> Option<Finding> {
    let (check, name) = ("nixfleet", &host.name);
    Some(match &inspected.status {
        Err(problem) if problem.code == Code::NoNix => return None,
        Err(problem) => Finding::of_problem(check, problem),
        Ok(None) => Finding::warning(check, "the host is not managed yet", format!("nixfleet apply {name}")),
        Ok(Some(status)) => {
            if let Some(what) = &status.interrupted {
                let what = format!("a run was interrupted: {what}");
                return Some(Finding::bad(check, what, format!("nixfleet apply {name}")));
            }
            if let Some(task) = &status.to_finish {
                let help = format!("nixfleet status {name}");
                return Some(Finding::warning(check, task.to_string(), help));
            }
            let number = status.current.as_ref().map(|current| current.number.to_string());
            Finding::good(check, format!("generation {}", number.as_deref().unwrap_or("none")))
        }
    })
}

#[cfg(test)]
#[path = "host_tests.rs"]
mod tests;
