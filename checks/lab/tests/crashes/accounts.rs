//! Tests of failures and interruptions while the account files of a real host are written.

use std::env;

use super::field::{End, Field, SAVED, prepared};
use super::{ALL_OR_NOTHING, SOAK, record, report};

/// The account files, in the order in which the tools write them.
const IN_TURN: [&str; 4] = ["/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"];

/// Makes the account tools fail, or the writes to the journal before and after these tools.
#[test]
fn accounts_are_repaired_whatever_fails() {
    let lab = prepared();
    let mut field = Field::of(&lab);
    let log = field.changes();
    let [.., first, last] = journals(&log)[..] else { panic!("{log:#?}") };
    let mut failures = Vec::new();
    let mut tried = 0;
    let all = env::var_os(SOAK).is_some();
    for (kind, share) in [("eio", 0), ("full", 1)] {
        // Each kind of failure is tried at every fourth change around the tools, or at every change if
        // [`SOAK`] is set.
        for at in (first - 3..=last + 1).filter(|at| all || (at + 3 - first) % 4 == 2 * share) {
            tried += 1;
            let failed = field.fails(&format!("{kind} {at}"));
            let said = field.guest.sh("tail -n1 \"$(ls -t /run/nixfleet/*.jsonl | head -n1)\"").unwrap();
            let at_once = field.judge().map(|(end, _)| end);
            let next = field.activator().args(["rollback", "--to", "99", "--json"]).run().unwrap();
            let end = field.judge().map(|(end, _)| end);
            // An apply may succeed although one of its queries failed. Then the host must be in the new
            // generation.
            let promised = if said.stdout.contains(r#""outcome":"ok""#) { End::New } else { End::Old };
            let right = end == Ok(promised) && next.stdout.contains("NF-409");
            // On a full disk, it is possible that no tool can run. Then the host is recovered only by the
            // next run.
            if !right || (kind == "eio" && at_once != Ok(promised)) {
                failures
                    .push(format!("{kind} at {at}: at once {at_once:#?}, then {end:#?}\n{failed}\n{next}"));
            }
            field.set_back();
        }
    }
    let tried = format!(
        "{tried} points around the tools for accounts: one change refused with EIO, or no room from there on"
    );
    report("accounts::accounts_are_repaired_whatever_fails", &tried, &failures);
}

/// Returns the numbers of the changes, counted from 1, that rename a journal to its final name. The first
/// change that belongs to the same journal is three changes earlier.
fn journals(log: &[String]) -> Vec<usize> {
    let lines = log.iter().enumerate();
    let placed = lines.filter(|(_, line)| line.contains("Rename\t/var/lib/nixfleet/journal.json.new"));
    placed.map(|(index, _)| index + 1).collect()
}

/// The account tools write one file at a time, and may be killed between two files. That can happen during
/// the change and during its rollback.
#[test]
#[ignore = "run by make soak-hosts"]
fn accounts_are_repaired_from_between_their_files() {
    let lab = prepared();
    let mut field = Field::of(&lab);
    let log = field.changes();
    let made = log.iter().rposition(|line| line.contains("Run\tuser")).unwrap() + 2;
    let mut failures = Vec::new();
    let mut tried = 0;
    for written in 1..IN_TURN.len() {
        let (first, last) = IN_TURN.split_at(written);
        for (names, old) in [(&[".*"][..], last), (&["keeper", "adm"], first)] {
            tried += 1;
            field.dies(made).unwrap();
            for file in old {
                set_lines_back(&field, file, names);
            }
            let recovered = field.activator().args(["recover", "--json"]).run().unwrap();
            let end = field.judge().map(|(end, _)| end);
            if end != Ok(End::Old) || !recovered.ok() {
                failures.push(format!("{names:?} in {old:?} as before: {end:#?}\n{recovered}"));
            }
            field.set_back();
        }
    }
    let tried = format!("{tried} moments between the files that the tools for accounts write");
    record(ALL_OR_NOTHING, "accounts::accounts_are_repaired_from_between_their_files", &tried, &failures);
}

/// Restores the lines of an account file that begin with one of the names. Such lines that did not exist
/// before the change are removed.
fn set_lines_back(field: &Field<'_>, file: &str, names: &[&str]) {
    let lines = names.join("\\|");
    let script = format!(
        "{{ grep '^\\({lines}\\):' {SAVED}{file} || true; grep --invert-match '^\\({lines}\\):' {file} || true; }} > /var/tmp/lines
         cp --no-preserve=all /var/tmp/lines {file}"
    );
    field.guest.ask(&script).unwrap();
}

/// Verifies that the tools write their files in the order that the test above assumes.
#[test]
fn tools_for_accounts_write_their_files_in_turn() {
    let lab = prepared();
    let guest = lab.guest("web-1").unwrap();
    for tool in ["useradd --groups adm joiner", "usermod --shell /bin/sh --lock --groups tty joiner"] {
        guest.ask(tool).unwrap();
        let times = guest.ask(&format!("stat --format %.9Z {}", IN_TURN.join(" "))).unwrap();
        assert!(times.lines().is_sorted(), "{tool}: {times}");
    }
}
