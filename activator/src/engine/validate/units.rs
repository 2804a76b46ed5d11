//! Selects the messages of systemd that are about managed units.
//!
//! `systemd-analyze verify` loads a unit with all its dependencies and reports errors in all of them. The
//! option `--recursive-errors=no` does not exist before systemd 250 and fails on slices in some later
//! versions. Therefore, the lines are filtered here.

use std::collections::BTreeSet;
use std::path::Path;

use nixfleet_contract::values::UnitName;

use crate::engine::validate::subject::{Subject, UNITS, unit_of};
use crate::host::preview::PathChange;

/// The directories of unit files in the order in which systemd searches them, from systemd.unit(5). `/lib` is
/// included for hosts on which it is a separate directory.
const DIRECTORIES: [&str; 5] = [
    UNITS,
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
/// Words that identify recommendations, which are not errors.
const ADVICE: [&str; 5] = ["deprecated", "obsolete", "legacy", "unsafe", "not safe"];

/// Returns the files of units as arguments for `systemd-analyze verify`. A unit without a file is skipped,
/// since systemd does not read its drop-ins.
#[must_use]
pub fn files(units: &BTreeSet<UnitName>) -> Vec<String> {
    let file = |unit: &UnitName| {
        let candidates = DIRECTORIES.iter().map(|directory| format!("{directory}/{unit}"));
        candidates.into_iter().find(|file| Path::new(file).exists())
    };
    units.iter().filter_map(file).collect()
}

/// Returns the lines about errors in managed units and their files.
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

/// Whether a line is about a unit or an instance of it. Such a line starts with `web.service: …`, `Unit
/// web.service …`, or the path of a file of the unit.
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

/// Whether a line reports a missing program that the same generation adds, as a file or in its closure.
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
