//! The output of `nixfleet os-update`.

use std::fmt::Write as _;

use nixfleet_contract::os::update::{HeldUpdate, UpdatePlan};
use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::text::{one_line, problem_text};

use super::apt::apt;
use super::size::size;
use super::style::{BOLD, YELLOW, outcome_style, paint};
use super::{indented, table};

/// Maximum number of updates that are listed for a host, unless all are asked for.
const MOST: usize = 12;

/// Formats the updates of each host. With `verbose`, all updates are listed, and those that stay out too.
pub fn updates(results: &[HostResult], verbose: bool) -> String {
    let mut text =
        table(&["host", "updates", "security", "held", "download", "reboot", ""], results.iter().map(row));
    for result in results {
        let mut lines: Vec<String> = result.problem.iter().map(problem_text).collect();
        if let Some(plan) = &result.updates {
            lines.extend(details(plan, verbose));
        }
        if !lines.is_empty() {
            let _ = write!(text, "\n{}\n{}", paint(BOLD, &result.host), indented(&lines.join("\n")));
        }
    }
    text.push('\n');
    text
}

fn row(result: &HostResult) -> Vec<String> {
    let Some(plan) = &result.updates else {
        let outcome = paint(outcome_style(result.outcome), result.outcome);
        return vec![
            result.host.clone(),
            outcome,
            "-".into(),
            "-".into(),
            "-".into(),
            "-".into(),
            String::new(),
        ];
    };
    let security = plan.apt.packages.iter().filter_map(|package| package.change.to());
    let security = security.filter(|offer| offer.release.is_security()).count();
    let bytes = plan.apt.download_size();
    let reboot = match (plan.reboot.is_empty(), plan.reboot_expected.is_empty()) {
        (false, _) => paint(YELLOW, "needed"),
        (true, false) => paint(YELLOW, "expected"),
        (true, true) => "no".to_owned(),
    };
    vec![
        result.host.clone(),
        plan.apt.packages.len().to_string(),
        security.to_string(),
        plan.held.len().to_string(),
        if bytes == 0 { "-".to_owned() } else { size(bytes) },
        reboot,
        result.reason.as_deref().map(one_line).unwrap_or_default(),
    ]
}

fn details(plan: &UpdatePlan, verbose: bool) -> Vec<String> {
    let mut lines: Vec<String> =
        plan.interrupted.iter().map(|run| format!("interrupted: {}", one_line(run))).collect();
    let of_apt = apt(&plan.apt);
    let shown = if verbose { of_apt.len() } else { MOST.min(of_apt.len()) };
    let hidden = of_apt.len() - shown;
    lines.extend(of_apt.into_iter().take(shown));
    if hidden > 0 {
        lines.push(format!("and {hidden} more lines; all with -v"));
    }
    if !plan.reboot_expected.is_empty() {
        let names: Vec<&str> = plan.reboot_expected.iter().map(|name| &**name as &str).collect();
        lines.push(one_line(&format!("a reboot is expected after: {}", names.join(", "))));
    }
    lines.extend(plan.reboot.iter().map(|reason| one_line(&format!("has to be rebooted: {reason}"))));
    lines.extend(held(&plan.held, verbose));
    lines
}

/// Returns the updates that stay out: each with `verbose`, and otherwise one line for each reason.
fn held(held: &[HeldUpdate], verbose: bool) -> Vec<String> {
    if verbose {
        let line = |update: &HeldUpdate| {
            let HeldUpdate { name, from, to, why, .. } = update;
            one_line(&format!("stays at {from}: {name}, {to} is offered; {why}"))
        };
        return held.iter().map(line).collect();
    }
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    for update in held {
        let why = update.why.to_string();
        match reasons.iter_mut().find(|(known, _)| *known == why) {
            Some((_, names)) => names.push(&update.name),
            None => reasons.push((why, vec![&update.name])),
        }
    }
    let line = |(why, names): (String, Vec<&str>)| {
        let more =
            if names.len() > MOST { format!(" and {} more", names.len() - MOST) } else { String::new() };
        let names: Vec<&str> = names.into_iter().take(MOST).collect();
        one_line(&format!("{why}: {}{more}", names.join(", ")))
    };
    reasons.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::outcome::Outcome;
    use nixfleet_contract::problem::{Code, Problem};
    use serde_json::json;

    use super::*;

    fn plan() -> UpdatePlan {
        let offer = |version: &str, codename: &str| {
            json!({
                "version": version, "release": { "origin": "Debian", "codename": codename }, "size": 2048,
                "installedSize": 0, "sha256": "00",
            })
        };
        let package = |name: &str, from: &str, to: serde_json::Value| {
            json!({
                "name": name, "architecture": "amd64", "change": "upgrade", "from": from, "to": to,
                "cause": "needed", "phase": "before",
            })
        };
        let held = |name: &str, why: serde_json::Value| {
            json!({
                "name": name, "architecture": "amd64", "from": "1", "to": "2", "release": {}, "why": why,
            })
        };
        let plan = json!({
            "schema": 1, "host": "web-1", "scope": "full", "current": null, "refreshed": 0,
            "apt": {
                "fingerprint": "f",
                "packages": [
                    package("libssl3", "3.0.1", offer("3.0.2", "trixie-security")),
                    package("vim", "9.1", offer("9.2", "trixie")),
                ],
            },
            "held": [
                held("nvidia-driver", json!({ "reason": "heldByPolicy" })),
                held("nginx", json!({ "reason": "heldOnHost" })),
                held("nginx-common", json!({ "reason": "heldOnHost" })),
            ],
            "reboot": [{ "reason": "askedByPackages", "packages": ["libc6"] }],
            "rebootExpected": ["linux-image-6.12.48-amd64"],
        });
        serde_json::from_value(plan).unwrap()
    }

    #[test]
    fn updates_are_counted_and_listed_and_what_stays_out_has_its_reason() {
        let updated = HostResult { updates: Some(Box::new(plan())), ..HostResult::new("web-1", Outcome::Ok) };
        let problem = Problem::new(Code::Unreachable, "the host cannot be reached");
        let text = updates(&[updated.clone(), HostResult::failed("web-2", problem)], false);
        expect_test::expect![[r#"
            host   updates      security  held  download  reboot
            web-1  2            1         3     4.0 KiB   needed
            web-2  unreachable  -         -     -         -

            web-1
              ~ libssl3 3.0.1 → 3.0.2  Debian trixie-security, security update, needed
              ~ vim 9.1 → 9.2  Debian trixie, needed
              to download: 4.0 KiB; nothing undoes what apt does
              a reboot is expected after: linux-image-6.12.48-amd64
              has to be rebooted: libc6 asked for it
              held by the inventory: nvidia-driver
              held on the host with apt-mark: nginx, nginx-common

            web-2
              [NF-301] the host cannot be reached

        "#]]
        .assert_eq(&anstream::adapter::strip_str(&text).to_string());
        let text = updates(&[updated], true);
        assert!(anstream::adapter::strip_str(&text).to_string().contains("stays at 1: nginx, 2 is offered"));
    }
}
