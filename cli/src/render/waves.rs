//! The waves of a rollout, and the next steps after a rollout has stopped.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use nixfleet_contract::policy::{Amount, OnFailure, Policy};

use super::style::{BOLD, YELLOW, paint};
use super::table;
use nixfleet_operator::event::RolloutId;
use nixfleet_operator::event::{End, ExcludedHost};
use nixfleet_operator::rollout::Outline;
use nixfleet_operator::text::one_line;

/// Maximum number of host names in the row of a wave.
const NAMES: usize = 8;

/// Formats the waves with their hosts, the rules of the rollout policy, and the excluded hosts. The text is
/// empty if there is only one wave and no host is excluded. `to_change` contains the names of the hosts that
/// would change.
pub fn waves(outline: &Outline, to_change: &BTreeSet<&str>, excluded: &[ExcludedHost]) -> String {
    let mut text = String::new();
    if outline.waves.len() > 1 {
        let rows = outline.waves.iter().enumerate().map(|(wave, hosts)| {
            let changes = hosts.iter().filter(|host| to_change.contains(host.as_str())).count();
            vec![(wave + 1).to_string(), hosts.len().to_string(), changes.to_string(), names(hosts)]
        });
        let _ = writeln!(text, "{}{}\n", table(&["wave", "hosts", "to change", ""], rows), rules(outline));
    }
    for each in excluded {
        let host = paint(BOLD, &each.host);
        let _ = writeln!(text, "{host} is left out: {}", one_line(&each.reason));
    }
    if !excluded.is_empty() {
        text.push('\n');
    }
    text
}

/// Formats the first [`NAMES`] host names, and the number of the remaining hosts.
fn names(hosts: &[String]) -> String {
    let shown = hosts.iter().take(NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = hosts.len().saturating_sub(NAMES);
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

fn rules(outline: &Outline) -> String {
    let Policy { soak, max_failures, on_failure, .. } = &outline.policy;
    let soak = if *soak == 0 { String::new() } else { format!("Each wave is watched for {}. ", time(*soak)) };
    let then = match on_failure {
        OnFailure::Pause => "the rollout pauses",
        OnFailure::RollbackWave => "the wave goes back",
        OnFailure::RollbackAll => "all hosts go back",
    };
    let budgets = outline.budgets.iter().map(|budget| {
        let tag = &budget.tag;
        format!(" At most {} of @{tag} at once.", budget.most)
    });
    format!("{soak}If {}, {then}.{}", too_many(*max_failures), budgets.collect::<String>())
}

/// Describes when more hosts have failed than may fail.
fn too_many(max_failures: Amount) -> String {
    match max_failures {
        Amount::Count(0) | Amount::Percent(0) => "any host fails".to_owned(),
        Amount::Count(1) => "more than 1 host fails".to_owned(),
        Amount::Count(several) => format!("more than {several} hosts fail"),
        Amount::Percent(_) => format!("more than {max_failures} of the hosts fail"),
    }
}

/// Formats a duration in the notation of the inventory, such as `90s` or `5m`.
pub fn time(seconds: u64) -> String {
    let unit =
        [(86400, "d"), (3600, "h"), (60, "m")].into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit));
    let (unit, name) = unit.filter(|_| seconds > 0).unwrap_or((1, "s"));
    format!("{}{name}", seconds / unit)
}

/// Returns the message for a user who interrupted a rollout after its last host was done.
pub fn interrupted_after_all() -> String {
    format!("\n{}\n", paint(YELLOW, "Interrupted after every host was done: there is nothing to resume."))
}

/// Describes how to resume or roll back a rollout that stopped. The text is empty if the rollout is complete
/// or the user declined it. `can_go_back`: whether a rollback may return a host to an earlier generation.
pub fn what_next(rollout: &RolloutId, end: End, reason: Option<&str>, can_go_back: bool) -> String {
    let back = if can_go_back {
        format!("  go back:  nixfleet rollback --rollout {rollout}\n")
    } else {
        String::new()
    };
    let head = |word: &str| {
        let why = reason.map(|reason| format!(": {}", one_line(reason))).unwrap_or_default();
        format!("\n{}\n", paint(YELLOW, format_args!("{word}{why}")))
    };
    let on = format!("  go on:    nixfleet apply --resume {rollout}\n");
    match end {
        End::Complete | End::Declined => String::new(),
        End::NothingChanged => {
            format!("{}  correct the cause, then apply again\n", head("Stopped before anything was changed"))
        }
        End::Paused => format!("{}{on}{back}", head("Paused")),
        End::Interrupted => format!("{}{on}{back}", head("Interrupted")),
        End::WaveRolledBack => format!("{}{on}{back}", head("Paused, and the wave went back")),
        End::RolledBack => head("All hosts that had been changed went back"),
    }
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::policy::Policy;

    use super::*;
    use nixfleet_operator::rollout::Budget;

    #[test]
    fn the_waves_are_shown_with_their_rules() {
        let hosts = |from: usize, to: usize| (from..to).map(|number| format!("web-{number:02}")).collect();
        let outline = Outline {
            policy: Policy { soak: 300, max_failures: Amount::Percent(5), ..Policy::plain() },
            waves: vec![hosts(1, 2), hosts(2, 6), hosts(6, 20)],
            budgets: vec![Budget { tag: "db".into(), most: 1, hosts: vec![] }],
            groups: vec![],
        };
        let excluded = [ExcludedHost { host: "web-20".into(), reason: "maintenance: new\u{7} disks".into() }];
        let text = waves(&outline, &BTreeSet::from(["web-01", "web-07"]), &excluded);
        expect_test::expect![[r#"
            wave  hosts  to change
            1     1      1          web-01
            2     4      0          web-02, web-03, web-04, web-05
            3     14     1          web-06, web-07, web-08, web-09, web-10, web-11, web-12, web-13 and 6 more
            Each wave is watched for 5m. If more than 5% of the hosts fail, the rollout pauses. At most 1 of @db at once.

            web-20 is left out: maintenance: new␇ disks

        "#]]
        .assert_eq(&anstream::adapter::strip_str(&text).to_string());
        assert_eq!(waves(&Outline { waves: vec![hosts(1, 9)], ..outline }, &BTreeSet::new(), &[]), "");
    }

    #[test]
    fn the_rule_about_failures_is_told_in_words() {
        let told = [Amount::Count(0), Amount::Percent(0), Amount::Count(1), Amount::Count(3)].map(too_many);
        let words = ["any host fails", "any host fails", "more than 1 host fails", "more than 3 hosts fail"];
        assert_eq!(told, words);
    }

    #[test]
    fn a_rollout_that_stopped_says_how_to_go_on() {
        let id = "20261120-140322-kbzq".parse().unwrap();
        let text = what_next(&id, End::Paused, Some("1 host failed, but no host may fail"), true);
        expect_test::expect![[r#"

            Paused: 1 host failed, but no host may fail
              go on:    nixfleet apply --resume 20261120-140322-kbzq
              go back:  nixfleet rollback --rollout 20261120-140322-kbzq
        "#]]
        .assert_eq(&anstream::adapter::strip_str(&text).to_string());
        let first = what_next(&id, End::Paused, None, false);
        assert!(first.contains("go on:") && !first.contains("go back:"), "{first}");
        assert_eq!(what_next(&id, End::Complete, None, true), "");
        expect_test::expect![[r"

            Stopped before anything was changed: 1 host failed, but no host may fail
              correct the cause, then apply again
        "]]
        .assert_eq(
            &anstream::adapter::strip_str(&what_next(
                &id,
                End::NothingChanged,
                Some("1 host failed, but no host may fail"),
                false,
            ))
            .to_string(),
        );
    }

    #[test]
    fn times_read_as_they_are_written() {
        assert_eq!([45, 60, 90, 7200, 86400].map(time), ["45s", "1m", "90s", "2h", "1d"]);
    }
}
