//! The output of `nixfleet backups`.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use nixfleet_contract::backup::Backup;

use super::size::{moment, room, size};
use super::style::{BOLD, YELLOW, outcome_style, paint};
use super::{indented, table};
use nixfleet_operator::host_result::{BackupsView, HostResult};
use nixfleet_operator::text::{hosts, one_line, problem_text};

/// Formats the list of the backups on all hosts.
#[must_use]
pub fn backups(results: &[HostResult]) -> String {
    list(results, &TimeZone::system())
}

fn list(results: &[HostResult], zone: &TimeZone) -> String {
    let listed = |view: &BackupsView| view.list.clone();
    let text = lines(results, listed, zone);
    format!("{text}{}", problems(results))
}

/// Formats the backups that would be dropped. Then lists the backups that match the request but stay, because
/// NixFleet restores them when it no longer manages their paths.
#[must_use]
pub fn drops(results: &[HostResult]) -> String {
    going(results, &TimeZone::system())
}

fn going(results: &[HostResult], zone: &TimeZone) -> String {
    let mut text = lines(results, |view| view.list.clone(), zone);
    for result in results {
        for backup in result.backups.iter().flat_map(|view| &view.spared) {
            let (host, path) = (one_line(&result.host), one_line(&backup.path));
            let why = "it is restored when the path is no longer managed; to drop it anyway: --original";
            let _ =
                writeln!(text, "{} {host}: the original of {path}: {why} {path}", paint(YELLOW, "stays:"));
        }
    }
    format!("{text}{}", problems(results))
}

/// Formats how many backups were dropped on each host.
#[must_use]
pub fn dropped(results: &[HostResult]) -> String {
    let rows = results.iter().map(|result| {
        let report = result.backups.as_ref().and_then(|view| view.report.as_ref());
        let dropped = report.map(|report| report.dropped.as_slice()).unwrap_or_default();
        vec![
            result.host.clone(),
            paint(outcome_style(result.outcome), result.outcome),
            dropped.len().to_string(),
            size(sum(dropped)),
            room(report.and_then(|report| report.disk)),
        ]
    });
    let table = table(&["host", "outcome", "dropped", "size", "free now"], rows);
    format!("{table}{}", problems(results))
}

fn sum(backups: &[Backup]) -> u64 {
    backups.iter().fold(0, |bytes, backup| bytes.saturating_add(backup.size))
}

fn lines(results: &[HostResult], of: impl Fn(&BackupsView) -> Vec<Backup>, zone: &TimeZone) -> String {
    let mut rows = Vec::new();
    let (mut count, mut bytes, mut having) = (0, 0_u64, 0);
    for result in results {
        let found = result.backups.as_deref().map(&of).unwrap_or_default();
        count += found.len();
        bytes = bytes.saturating_add(sum(&found));
        having += usize::from(!found.is_empty());
        rows.extend(found.iter().map(|backup| row(&result.host, backup, zone)));
    }
    if count == 0 {
        return "No backups.\n".to_owned();
    }
    let noun = if count == 1 { "backup" } else { "backups" };
    let total = format!("{count} {noun}, {}, on {}\n", size(bytes), hosts(having));
    table(&["host", "path", "why", "generation", "made", "size", "mode", ""], rows) + &total
}

fn row(host: &str, backup: &Backup, zone: &TimeZone) -> Vec<String> {
    let note = match (backup.needed, backup.directory, backup.link) {
        (true, true, _) => "a directory, restored when the path is no longer managed",
        (true, false, _) => "restored when the path is no longer managed",
        (false, true, _) => "a directory",
        (false, false, true) => "a link",
        (false, false, false) => "",
    };
    vec![
        host.to_owned(),
        one_line(&backup.path),
        backup.kind.as_str().to_owned(),
        backup.generation.map_or_else(|| "-".to_owned(), |number| number.to_string()),
        moment(backup.since, zone),
        size(backup.size),
        backup.mode.to_string(),
        note.to_owned(),
    ]
}

/// Formats the problems of hosts, and which interrupted changes were recovered on these hosts.
fn problems(results: &[HostResult]) -> String {
    let mut text = String::new();
    for result in results {
        let report = result.backups.as_ref().and_then(|view| view.report.as_ref());
        let recovered = report.and_then(|report| report.recovered.as_deref());
        let recovered = recovered.map(|what| format!("recovered: {}", one_line(what)));
        let problem = result.problem.as_ref().map(problem_text);
        let lines: Vec<String> = recovered.into_iter().chain(problem).collect();
        if !lines.is_empty() {
            let _ = write!(text, "\n{}\n{}", paint(BOLD, &result.host), indented(&lines.join("\n")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::outcome::Outcome;
    use serde_json::json;

    use super::*;

    fn backup(path: &str, kind: &str, needed: bool) -> Backup {
        let generation = (kind == "hand-edit").then_some(7);
        serde_json::from_value(json!({
            "kind": kind, "path": path, "place": "/var/lib/nixfleet/x", "generation": generation,
            "since": 1_795_183_402, "size": 1536, "mode": "0640", "needed": needed,
        }))
        .unwrap()
    }

    fn host(list: Vec<Backup>, spared: Vec<Backup>) -> HostResult {
        let view = BackupsView { list, spared, ..BackupsView::default() };
        HostResult { backups: Some(Box::new(view)), ..HostResult::new("web-1", Outcome::Ok) }
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn each_backup_says_whose_it_is_and_why_it_was_kept() {
        let edit = backup("/etc/\u{1b}[2Jmotd", "hand-edit", false);
        let directory = Backup { directory: true, ..backup("/etc/nginx", "original", true) };
        let all = [host(vec![edit, backup("/etc/motd", "original", true), directory], vec![])];
        expect_test::expect![[r#"
            host   path           why        generation  made              size     mode
            web-1  /etc/␛[2Jmotd  hand edit  7           2026-11-20 14:03  1.5 KiB  0640
            web-1  /etc/motd      original   -           2026-11-20 14:03  1.5 KiB  0640  restored when the path is no longer managed
            web-1  /etc/nginx     original   -           2026-11-20 14:03  1.5 KiB  0640  a directory, restored when the path is no longer managed
            3 backups, 4.5 KiB, on 1 host
        "#]].assert_eq(&plain(&list(&all, &TimeZone::UTC)));
        assert_eq!(list(&[host(vec![], vec![])], &TimeZone::UTC), "No backups.\n");
    }

    #[test]
    fn an_original_that_is_spared_says_how_to_drop_it() {
        let edit = backup("/etc/motd", "hand-edit", false);
        let all = [host(vec![edit], vec![backup("/etc/motd", "original", true)])];
        expect_test::expect![[r#"
            host   path       why        generation  made              size     mode
            web-1  /etc/motd  hand edit  7           2026-11-20 14:03  1.5 KiB  0640
            1 backup, 1.5 KiB, on 1 host
            stays: web-1: the original of /etc/motd: it is restored when the path is no longer managed; to drop it anyway: --original /etc/motd
        "#]].assert_eq(&plain(&going(&all, &TimeZone::UTC)));
    }
}
