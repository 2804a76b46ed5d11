//! What systemd says of units, and which of that is about ours.
//!
//! `systemd-analyze verify` loads a unit with all it needs, and complains of all of it. Its option
//! `--recursive-errors=no` is missing before systemd 250 and trips over slices in some later ones, so its
//! lines are picked here.

use std::collections::BTreeSet;
use std::path::Path;

use nixfleet_contract::values::UnitName;

use crate::engine::validate::subject::{Subject, UNITS, unit_of};
use crate::host::preview::PathChange;

/// Where unit files are, in the order in which systemd looks for them; from systemd.unit(5), and `/lib` as it
/// was.
const DIRECTORIES: [&str; 5] = [
    UNITS,
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
/// Words of advice, which a unit may ignore.
const ADVICE: [&str; 5] = ["deprecated", "obsolete", "legacy", "unsafe", "not safe"];

/// The files of units as `systemd-analyze verify` takes them. A unit without one has drop-ins that nothing
/// reads.
#[must_use]
pub fn files(units: &BTreeSet<UnitName>) -> Vec<String> {
    let file = |unit: &UnitName| {
        let candidates = DIRECTORIES.iter().map(|directory| format!("{directory}/{unit}"));
        candidates.into_iter().find(|file| Path::new(file).exists())
    };
    units.iter().filter_map(file).collect()
}

/// The lines that say what is wrong with our units and our files.
pub fn about_ours<'a>(said: &'a str, subject: &'a Subject) -> impl Iterator<Item = String> + 'a {
    let ours = |line: &&str| {
        let file = subject.changes.keys().any(|path| {
            unit_of(path).is_some_and(|unit| subject.units.contains(&unit))
                && line.strip_prefix(&**path).is_some_and(|rest| rest.starts_with(':'))
        });
        file || subject.units.iter().any(|unit| names(line, unit))
    };
    let advice = |line: &&str| ADVICE.iter().any(|word| line.contains(word));
    said.lines()
        .map(str::trim_end)
        .filter(ours)
        .filter(move |line| !advice(line) && !comes_along(line, subject))
        .map(str::to_owned)
}

/// Whether a line is about a unit, or an instance of it: `web.service: …`, `Unit web.service …`, or a file of
/// it.
#[must_use]
pub fn names(line: &str, unit: &UnitName) -> bool {
    let line = line.strip_prefix("Unit ").unwrap_or(line);
    if let Some((path, _)) = line.split_once(':')
        && unit_of(path).as_ref() == Some(unit)
    {
        return true;
    }
    let Some((word, _)) = line.split_once([' ', ':']) else { return false };
    match word.parse::<UnitName>() {
        Ok(named) => named == *unit || named.template().as_ref() == Some(unit),
        Err(_) => false,
    }
}

/// Whether a line misses a program that this very generation brings, as a file or in its closure.
fn comes_along(line: &str, subject: &Subject) -> bool {
    let command = line.split_once(": Command ").and_then(|(_, rest)| rest.split_once(" is not executable"));
    command.is_some_and(|(program, _)| {
        (subject.closure_comes && program.starts_with("/nix/store/"))
            || subject.changes.iter().any(|(path, change)| {
                **path == *program
                    && match change {
                        PathChange::File { access, .. } | PathChange::Access { access } => {
                            access.mode & 0o111 != 0
                        }
                        PathChange::Link { .. } | PathChange::Restored { .. } => true,
                        PathChange::Directory { .. } | PathChange::Gone => false,
                    }
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::preview::Ids;

    fn subject(units: &[&str], files: &[(&str, u32)]) -> Subject {
        let file =
            |mode| PathChange::File { source: "/nix/store/x".into(), access: Ids { uid: 0, gid: 0, mode } };
        Subject {
            units: units.iter().map(|unit| unit.parse().unwrap()).collect(),
            changes: files.iter().map(|(path, mode)| (path.parse().unwrap(), file(*mode))).collect(),
            ..Subject::default()
        }
    }

    #[test]
    fn only_what_is_wrong_with_our_units_counts() {
        let said = "\
/etc/systemd/system/web.service:5: Unknown key name 'Foo' in section 'Service', ignoring.
/usr/lib/systemd/system/ssh.service:7: Unknown key name 'Bar' in section 'Service', ignoring.
/etc/systemd/system/web.service:6: Standard output type syslog is obsolete, automatically updating to journal.
web.service: Command /opt/none is not executable: No such file or directory
web.service: Command /opt/comes is not executable: No such file or directory
other.service: Service has no ExecStart=, ExecStop=, or SuccessAction=. Refusing.
Unit web.service has a bad unit file setting.
job@i.service: Service has no ExecStart=, ExecStop=, or SuccessAction=. Refusing.
/etc/systemd/system/ssh.service.d/10-a.conf:2: Missing '=', ignoring line.
";
        let subject = subject(
            &["web.service", "job@.service", "ssh.service"],
            &[
                ("/etc/systemd/system/web.service", 0o644),
                ("/etc/systemd/system/ssh.service.d/10-a.conf", 0o644),
                ("/opt/comes", 0o755),
            ],
        );
        let lines: Vec<String> = about_ours(said, &subject).collect();
        assert_eq!(
            lines,
            [
                "/etc/systemd/system/web.service:5: Unknown key name 'Foo' in section 'Service', ignoring.",
                "web.service: Command /opt/none is not executable: No such file or directory",
                "Unit web.service has a bad unit file setting.",
                "job@i.service: Service has no ExecStart=, ExecStop=, or SuccessAction=. Refusing.",
                "/etc/systemd/system/ssh.service.d/10-a.conf:2: Missing '=', ignoring line.",
            ]
        );
        assert!(names(&lines[4], &"ssh.service".parse().unwrap()));
        assert!(!names(&lines[4], &"web.service".parse().unwrap()));
    }
}
