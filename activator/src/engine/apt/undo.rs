//! The notes about packages of a change that failed after apt. Nothing undoes the work of apt, but another
//! plan can remove the new packages.

use nixfleet_contract::apt::plan::{AptPhase, AptPlan, PackageChange, PackageOperation};
use nixfleet_contract::report::Report;

/// Returns notes about the work of apt before a change that was refused or undone, and about the command that
/// removes the new packages.
pub(super) fn notes(apt: &AptPlan, report: &Report) -> Vec<String> {
    let done: Vec<String> = apt.in_phase(AptPhase::Before).map(done).collect();
    if done.is_empty() {
        return Vec::new();
    }
    let mut notes = vec![format!("nothing undoes what apt did: {}", done.join(", "))];
    let is_new = |package: &PackageChange| matches!(package.change, PackageOperation::Install { .. });
    if apt.in_phase(AptPhase::Before).any(is_new) {
        notes.push(match &report.before {
            Some(generation) => format!(
                "to remove the new packages, carry out another plan: \
                 nixfleet rollback {} --to {} --force packages",
                report.host, generation.number
            ),
            None => "to remove the new packages, apply without their declaration".to_owned(),
        });
    }
    notes
}

fn done(package: &PackageChange) -> String {
    let name = &package.name;
    match &package.change {
        PackageOperation::Install { to, .. } => format!("installed {name} {}", to.version),
        PackageOperation::Upgrade { from, to } | PackageOperation::Downgrade { from, to } => {
            format!("changed {name} from {from} to {}", to.version)
        }
        PackageOperation::Reinstall { to } => format!("installed {name} {} again", to.version),
        PackageOperation::Remove { .. } => format!("removed {name}"),
        PackageOperation::Purge { .. } => format!("purged {name}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn noted(before: &Value, packages: &Value) -> Vec<String> {
        let report = json!({
            "schema": 1, "host": "web-1", "outcome": "partial", "before": before, "after": before,
            "stepsDone": 0, "kept": [], "problem": null, "recovered": null, "durationMs": 5,
        });
        let plan = json!({ "fingerprint": "f", "packages": packages });
        notes(&serde_json::from_value(plan).unwrap(), &serde_json::from_value(report).unwrap())
    }

    #[test]
    fn the_undo_is_a_command_with_the_generation_in_force() {
        let offer = json!({
            "version": "2.0", "release": {}, "size": 1, "installedSize": 1, "sha256": "aa",
        });
        let package = |name: &str, change: &str, phase: &str| {
            json!({
                "name": name, "architecture": "amd64", "change": change, "from": "1.0", "to": offer,
                "units": null, "cause": "declared", "phase": phase,
            })
        };
        let new = package("app", "install", "before");
        let all = json!([new, package("libc6", "upgrade", "before"), package("left", "remove", "after")]);
        let generation = json!({ "number": 3, "closure": "/nix/store/x" });
        assert_eq!(
            noted(&generation, &all),
            [
                "nothing undoes what apt did: installed app 2.0, changed libc6 from 1.0 to 2.0",
                "to remove the new packages, carry out another plan: \
                 nixfleet rollback web-1 --to 3 --force packages",
            ]
        );
        assert_eq!(
            noted(&Value::Null, &json!([new])),
            [
                "nothing undoes what apt did: installed app 2.0",
                "to remove the new packages, apply without their declaration",
            ]
        );
        assert!(noted(&generation, &json!([package("left", "remove", "after")])).is_empty());
        assert_eq!(noted(&generation, &json!([package("libc6", "upgrade", "before")])).len(), 1);
    }
}
