//! The output of `nixfleet doctor`.

use std::fmt::Write as _;

use nixfleet_operator::doctor::{DoctorVerdict, Finding};
use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::text::one_line;

use super::style::{BOLD, GREEN, RED, YELLOW, paint};
use super::table;

/// Formats the findings about this machine and the hosts. Without `verbose`, only findings that need
/// attention are shown.
#[must_use]
pub fn diagnosis(machine: &[Finding], hosts: &[HostResult], verbose: bool) -> String {
    let hosts = hosts.iter().map(|host| (host.host.as_str(), host.findings.as_slice()));
    let all: Vec<(&str, &[Finding])> = [("this machine", machine)].into_iter().chain(hosts).collect();
    let is_shown = |finding: &&Finding| verbose || finding.verdict != DoctorVerdict::Good;
    let rows = all.iter().flat_map(|(place, findings)| {
        findings.iter().filter(is_shown).map(|finding| {
            let style = match finding.verdict {
                DoctorVerdict::Good => GREEN,
                DoctorVerdict::Warning => YELLOW,
                DoctorVerdict::Bad => RED,
            };
            let verdict = paint(style, finding.verdict.as_str());
            vec![(*place).to_owned(), finding.check.to_owned(), verdict, one_line(&finding.what)]
        })
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let mut text = if rows.is_empty() { String::new() } else { table(&["", "check", "", ""], rows) };
    for (place, findings) in &all {
        let fixes: Vec<String> = findings
            .iter()
            .filter_map(|finding| {
                Some(format!("  {}: {}\n", finding.check, one_line(finding.help.as_deref()?)))
            })
            .collect();
        if !fixes.is_empty() {
            let _ =
                write!(text, "\n{}\n{}", paint(BOLD, format_args!("to correct on {place}")), fixes.concat());
        }
    }
    let count = |wanted: DoctorVerdict| {
        all.iter().flat_map(|(_, findings)| *findings).filter(|each| each.verdict == wanted).count()
    };
    let (good, warnings, bad) =
        (count(DoctorVerdict::Good), count(DoctorVerdict::Warning), count(DoctorVerdict::Bad));
    let gap = if text.is_empty() { "" } else { "\n" };
    let _ = writeln!(text, "{gap}{good} good, {warnings} warnings, {bad} bad");
    text
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::outcome::Outcome;

    use super::*;

    #[test]
    fn only_what_needs_attention_is_shown_with_its_command() {
        let machine = [Finding::good("nix", "Nix 2.26.3"), Finding::warning("git", "no git", "install git")];
        let findings = vec![Finding::bad("daemon", "it is\nsilent", "nixfleet bootstrap web-1")];
        let hosts = [HostResult { findings, ..HostResult::new("web-1", Outcome::Failed) }];
        let text = diagnosis(&machine, &hosts, false);
        expect_test::expect![[r"
                          check
            this machine  git     warning  no git
            web-1         daemon  bad      it is␊silent

            to correct on this machine
              git: install git

            to correct on web-1
              daemon: nixfleet bootstrap web-1

            1 good, 1 warnings, 1 bad
        "]]
        .assert_eq(&anstream::adapter::strip_str(&text).to_string());
        assert!(diagnosis(&machine, &[], true).contains("Nix 2.26.3"));
        let good = [Finding::good("nix", "Nix 2.26.3")];
        assert_eq!(diagnosis(&good, &[], false), "1 good, 0 warnings, 0 bad\n");
    }
}
