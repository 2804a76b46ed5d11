//! The summary of an import.

use std::fmt::Write as _;
use std::path::Path;

use nixfleet_operator::import::apt::AptDraft;
use nixfleet_operator::import::{Draft, NoteKind};

/// Returns the summary of an import: what was imported, what was changed, and what was lost.
#[must_use]
pub fn imported(draft: &Draft, out: Option<&Path>) -> String {
    let count = |kind| draft.all_notes().filter(|note| note.kind == kind).count();
    let mut text = format!("imported {} from {}", many(draft.hosts.len(), "host"), draft.origin);
    if !draft.tags.is_empty() {
        let tags = if draft.tags.len() == 1 { "a tag" } else { "tags" };
        let _ = write!(text, "; {} became {tags}", many(draft.tags.len(), "group"));
    }
    if let Some(path) = out {
        let _ = write!(text, "; written to {}", path.display());
    }
    text.push('\n');
    for host in &draft.left_out {
        let _ = writeln!(text, "not imported: the host {}: {}", host.original, host.reason);
    }
    let settings: usize = draft.ssh_config.iter().map(|block| block.addrs.len()).sum();
    for (number, told) in [
        (count(NoteKind::Check), "to check: values or settings that were not understood, or differ"),
        (count(NoteKind::Secret), "not copied: secrets"),
        (count(NoteKind::Variable), "not imported: variables, files of variables, or profiles"),
        (count(NoteKind::Renamed), "adapted: names of hosts or groups"),
        (settings, "to add to your SSH configuration: settings of hosts"),
        (count(NoteKind::SshSetting), "left to your SSH configuration: hosts with settings there"),
        (count(NoteKind::Needless), "not needed: settings of the other tool alone"),
    ] {
        if number > 0 {
            let _ = writeln!(text, "{number:>4}  {told}");
        }
    }
    let lost = draft.all_notes().next().is_some() || !draft.left_out.is_empty();
    if lost || settings > 0 {
        let _ = writeln!(text, "The comments that begin with `# {}:` tell the details.", draft.tool.name());
    }
    text
}

/// Returns the summary of an import of apt.
#[must_use]
pub fn imported_apt(draft: &AptDraft, out: Option<&Path>) -> String {
    let mut text = format!(
        "imported from {}: {}, {}, {}, {}",
        draft.host,
        many(draft.packages.len(), "package"),
        many(draft.holds.len(), "hold"),
        many(draft.sources.len(), "source"),
        many(draft.pins.len(), "pin")
    );
    if let Some(path) = out {
        let _ = write!(text, "; written to {}", path.display());
    }
    text.push('\n');
    let checks = draft.notes.iter().filter(|note| note.kind == NoteKind::Check).count();
    if checks > 0 {
        let _ = writeln!(text, "{checks:>4}  to check: see the comments that begin with `# apt:`");
    }
    text
}

fn many(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use nixfleet_operator::import::ansible;

    use super::*;

    #[test]
    fn the_summary_says_what_was_lost() {
        let text = "web_1 ansible_host=10.0.0.1 ansible_ssh_common_args='-J gate' x=1 ansible_password=p\n\
                    [db]\ndb-1\nwin ansible_connection=winrm\n[windows]\nwin\n";
        let draft = ansible::parse_ini(text, "hosts").unwrap();
        expect_test::expect![[r"
            imported 2 hosts from hosts; 1 group became a tag; written to fleet.nix
            not imported: the host win: NixFleet connects with SSH only (ansible_connection = winrm)
               1  to check: values or settings that were not understood, or differ
               1  not copied: secrets
               1  not imported: variables, files of variables, or profiles
               1  adapted: names of hosts or groups
               1  to add to your SSH configuration: settings of hosts
               1  not needed: settings of the other tool alone
            The comments that begin with `# ansible:` tell the details.
        "]]
        .assert_eq(&imported(&draft, Some(Path::new("fleet.nix"))));
    }
}
