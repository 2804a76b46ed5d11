//! Tests that answers from hosts cannot forge output: every text that a host controls is replaced by a
//! hostile text before the answers are shown.

use std::convert::Infallible;
use std::time::Duration;

use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::plan::Plan;
use nixfleet_contract::problem::{Code, Problem};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::output_checks::check_lines;
use super::*;
use nixfleet_operator::event::RolloutId;
use nixfleet_operator::event::{End, Event, EventKind, Level};
use nixfleet_operator::history;
use nixfleet_operator::host_result::{BackupsView, GcView, HostResult, Ran};
use nixfleet_operator::text::problem_text;

/// Generates texts that could forge a line, control a terminal, or be invisible. No generated line starts
/// with a space, since the checks would mistake the space for an indentation.
fn hostile() -> impl Strategy<Value = String> {
    const PIECES: [&str; 24] = [
        "2 hosts: 2 ok",
        "x",
        "x y",
        "\n",
        "\r\n",
        "\r",
        "\t",
        "\u{b}",
        "\u{85}",
        "\u{2028}",
        "\u{2029}",
        "\u{1b}[8m",
        "\u{1b}[2J",
        "\u{1b}]0;x\u{7}",
        "\u{9b}31m",
        "\u{202e}",
        "\u{2066}",
        "\u{200b}",
        "\u{e0041}",
        "\u{301}",
        "\u{2800}",
        "\u{feff}",
        "日本",
        "é",
    ];
    prop::collection::vec(prop::sample::select(&PIECES[..]), 1..6).prop_map(|pieces| pieces.concat())
}

/// Replaces each string in a document by the next text of `texts`. After the last text, the first text is
/// used again. A string is left unchanged if its type does not accept the text.
fn forged<T: DeserializeOwned>(mut document: Value, texts: &[String]) -> T {
    let mut places = Vec::new();
    find(&document, &mut String::new(), &mut places);
    for (place, text) in places.iter().zip(texts.iter().cycle()) {
        let Some(value) = document.pointer_mut(place) else { continue };
        // A text that replaces a path gets a prefix that makes it a path.
        let path = value.as_str().is_some_and(|text| text.starts_with('/'));
        let before = value.clone();
        *value = if path { format!("/x/{text}").into() } else { text.as_str().into() };
        if serde_json::from_value::<T>(document.clone()).is_err()
            && let Some(value) = document.pointer_mut(place)
        {
            *value = before;
        }
    }
    serde_json::from_value(document).unwrap()
}

/// Collects the JSON pointers of all strings in a document.
fn find(value: &Value, place: &mut String, places: &mut Vec<String>) {
    find_all(value, &Value::is_string, place, places);
}

/// Collects the JSON pointers of all values in a document for which `is_such` returns true.
fn find_all(value: &Value, is_such: &dyn Fn(&Value) -> bool, place: &mut String, places: &mut Vec<String>) {
    let mut enter = |key: String, value: &Value| {
        let end = place.len();
        place.push('/');
        place.push_str(&key.replace('~', "~0").replace('/', "~1"));
        find_all(value, is_such, place, places);
        place.truncate(end);
    };
    match value {
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(at, value)| enter(at.to_string(), value));
        }
        Value::Object(values) => values.iter().for_each(|(key, value)| enter(key.clone(), value)),
        value if is_such(value) => places.push(place.clone()),
        _ => {}
    }
}

/// Returns variants of a document in which one number has an extreme value, and variants in which several or
/// all numbers have extreme values.
fn enormous<T: DeserializeOwned>(document: &Value) -> Vec<T> {
    let mut places = Vec::new();
    find_all(document, &Value::is_number, &mut String::new(), &mut places);
    let (mut all, mut documents) = (document.clone(), Vec::new());
    for place in &places {
        for number in
            [json!(u64::MAX), json!(i64::MAX), json!(u32::MAX), json!(u16::MAX), json!(i64::MIN), json!(0)]
        {
            let mut one = document.clone();
            let set = |document: &mut Value| document.pointer_mut(place).map(|value| *value = number.clone());
            set(&mut one);
            if let Ok(read) = serde_json::from_value(one) {
                documents.push(read);
                let before = all.clone();
                set(&mut all);
                match serde_json::from_value(all.clone()) {
                    Ok(read) => documents.push(read),
                    Err(_) => all = before,
                }
            }
        }
    }
    documents
}

fn problem() -> Value {
    json!({ "code": "NF-406", "what": "w", "where": "w", "why": "w", "help": "w" })
}

fn check() -> Value {
    json!({ "name": "n", "kind": "k", "from": "host", "passed": false, "attempts": 1, "durationMs": 5,
            "detail": "d", "onFailure": "stop" })
}

fn plan() -> Value {
    let access = json!({ "mode": "0644", "owner": "root", "group": "root" });
    let view = |text: &str| json!({ "sha256": text, "size": 1, "access": access, "text": text });
    let user = json!({
        "name": "web", "uid": null, "group": "web", "extraGroups": ["adm"], "home": "/h", "createHome": false,
        "shell": "/s", "system": true, "description": "d",
    });
    json!({
        "schema": 1, "host": "web-1", "fingerprint": "f",
        "current": { "number": 3, "closure": "/nix/store/a" },
        "target": "/nix/store/b",
        "backTo": { "number": 2, "closure": "/c", "created": 1, "by": "b", "revision": "r" },
        "packages": { "added": [{ "name": "n", "version": "v", "path": "p" }],
                      "removed": [{ "name": "n", "version": "v", "path": "p" }],
                      "changed": [[{ "name": "n", "version": "v", "path": "p" },
                                   { "name": "n", "version": "w", "path": "p" }]] },
        "steps": [
            { "step": "createUser", "user": user },
            { "step": "modifyUser", "user": user, "changes": ["c", "c"] },
            { "step": "releaseUser", "name": "games", "changes": ["c"] },
            { "step": "createHome", "path": "/home/ada", "access": access },
            { "step": "createDirectory", "path": "/etc/web", "access": access, "implicit": true },
            { "step": "writeFile", "path": "/etc/web/a", "before": view("a"), "after": view("b"),
              "keep": "copy" },
            { "step": "writeLink", "path": "/etc/web/m", "before": "a", "target": "b", "keep": "original" },
            { "step": "changeAccess", "path": "/etc/web/c", "before": access, "after": access },
            { "step": "own", "path": "/etc/web/d", "keep": "original" },
            { "step": "remove", "path": "/etc/web/e", "before": view("a"), "keep": "copy" },
            { "step": "restore", "path": "/etc/motd", "before": null, "keep": "nothing" },
            { "step": "removeDirectory", "path": "/srv/old" },
            { "step": "release", "path": "/etc/web/f", "why": "w" },
            { "step": "stopUnit", "unit": "old.service", "why": "w" },
            { "step": "switchProfile", "from": 3, "to": 2 },
            { "step": "runCommand", "command": ["/c", "w"], "paths": ["/etc/p"] },
            { "step": "restartUnit", "unit": "web.service", "why": "w" },
            { "step": "reloadUnit", "unit": "nginx.service", "why": "w" },
            { "step": "startUnit", "unit": "new.timer", "why": "w" },
        ],
        "drift": [{ "subject": "s", "what": "w" }], "warnings": [{ "subject": "s", "what": "w" }],
        "problems": [problem()],
    })
}

fn report() -> Value {
    json!({
        "schema": 1, "host": "h", "outcome": "failed", "before": null,
        "after": { "number": 2, "closure": "/nix/store/x" },
        "stepsDone": 1, "kept": ["k"], "notes": ["n"], "problem": problem(), "recovered": "r",
        "healthChecks": [check()], "durationMs": 5,
    })
}

fn status() -> Value {
    let current = json!({ "number": 2, "closure": "/nix/store/x" });
    json!({
        "schema": 1, "host": "h", "current": current,
        "generations": [{ "number": 2, "closure": "/c", "created": 1, "by": "b", "revision": "r" }],
        "drift": [{ "subject": "s", "what": "w" }],
        "units": [{ "unit": "web.service", "active": "failed", "sub": "s" }],
        "kept": ["k"], "interrupted": "i", "lockedBy": null,
        "last": {
            "schema": 1, "holder": { "pid": 1, "who": "w", "command": "c", "since": 1 }, "ended": 2,
            "report": report(),
            "earlier": [{ "who": "w", "command": "c", "ended": 2, "outcome": "ok", "before": 1, "after": 2 }],
        },
        "healthChecks": { "schema": 1, "generation": current, "at": 1, "results": [check()] },
    })
}

fn gc_plan() -> Value {
    json!({
        "schema": 1, "fingerprint": "f", "at": 1,
        "generations": [{ "number": 1, "closure": "/c", "created": 1, "by": "b", "revision": "r",
            "needed": ["other"] }],
        "interrupted": "i",
    })
}

fn backup() -> Value {
    json!({ "kind": "original", "path": "/etc/motd", "place": "/p", "generation": 2, "since": 1, "size": 12,
            "mode": "0644", "needed": true })
}

/// Returns results of each kind that commands show, with hostile texts in them.
fn answers(texts: &[String]) -> Vec<HostResult> {
    let of = |outcome| HostResult::new("web-1", outcome);
    let backup: nixfleet_contract::backup::Backup = forged(backup(), texts);
    let view = BackupsView { list: vec![backup.clone()], spared: vec![backup], ..BackupsView::default() };
    let gc = GcView { plan: forged(gc_plan(), texts), report: None };
    let ran = Ran { exit_code: 1, stdout: texts.concat(), stderr: texts.concat() };
    let problem: Problem = forged(problem(), texts);
    vec![
        HostResult::reported("web-1", forged(report(), texts)),
        HostResult {
            status: Some(forged(status(), texts)),
            reason: texts.first().cloned(),
            ..of(Outcome::Ok)
        },
        HostResult { gc: Some(Box::new(gc)), problem: Some(problem.clone()), ..of(Outcome::Failed) },
        HostResult { backups: Some(Box::new(view)), problem: Some(problem.clone()), ..of(Outcome::Failed) },
        HostResult { run: Some(ran), ..of(Outcome::Failed) },
        HostResult::failed("web-1", Problem { code: Code::Unreachable, ..problem }),
    ]
}

#[test]
fn no_number_ends_the_command() {
    let of = |outcome| HostResult::new("web-1", outcome);
    let reports = enormous(&report()).into_iter().map(|report| HostResult::reported("web-1", report));
    let statuses_of = enormous(&status()).into_iter();
    let statuses_of = statuses_of.map(|status| HostResult { status: Some(status), ..of(Outcome::Ok) });
    let gc = enormous(&gc_plan()).into_iter().map(|plan| GcView { plan, report: None });
    let gc = gc.map(|gc| HostResult { gc: Some(Box::new(gc)), ..of(Outcome::Ok) });
    // Each backup is listed twice, so that the sum of the sizes overflows.
    let kept = enormous::<nixfleet_contract::backup::Backup>(&backup()).into_iter();
    let kept = kept.map(|one| BackupsView {
        list: vec![one.clone(), one.clone()],
        spared: vec![one],
        ..BackupsView::default()
    });
    let kept = kept.map(|view| HostResult { backups: Some(Box::new(view)), ..of(Outcome::Ok) });
    let all: Vec<HostResult> = reports.chain(statuses_of).chain(gc).chain(kept).collect();
    assert!(all.len() > 100, "{}", all.len());
    for some in all.chunks(2) {
        for verbose in [false, true] {
            check_lines(&statuses(some, verbose));
            check_lines(&health(some, verbose));
            check_lines(&gc_plans(some, verbose));
        }
        for text in [results(some), gc_reports(some), backups(some), drops(some), dropped(some)] {
            check_lines(&text);
        }
        for one in some {
            serde_json::to_string(&one.end(Duration::MAX)).unwrap();
        }
    }
    let planned: Vec<Plan> = enormous(&plan());
    let Ok(_) = plans(
        planned.len(),
        |place| Ok::<_, Infallible>(Plan { host: "web-1".to_owned(), ..planned[place].clone() }),
        true,
        check_lines,
    );
}

proptest! {
    #[test]
    fn no_answer_forges_a_line(texts in prop::collection::vec(hostile(), 1..8)) {
        let all = answers(&texts);
        for one in all.chunks(1).chain([all.as_slice()]) {
            for verbose in [false, true] {
                check_lines(&statuses(one, verbose));
                check_lines(&health(one, verbose));
                check_lines(&gc_plans(one, verbose));
            }
            for text in [results(one), gc_reports(one), backups(one), drops(one), dropped(one)] {
                check_lines(&text);
            }
            check_lines(&tally(one, Duration::ZERO));
            check_lines(&after_blocked("apply", one).replace("1 hosts", "1 host:"));
            fold::texts(one).iter().flatten().for_each(|text| check_lines(text));
        }
    }

    #[test]
    fn no_plan_forges_a_line(texts in prop::collection::vec(hostile(), 1..8)) {
        // The host's name is not replaced by a hostile text: it comes from the inventory, which no host
        // controls.
        let plan = Plan { host: "web-1".to_owned(), ..forged(plan(), &texts) };
        for verbose in [false, true] {
            let Ok(_) = plans(1, |_| Ok::<_, Infallible>(plan.clone()), verbose, check_lines);
        }
    }

    #[test]
    fn no_event_forges_a_line(texts in prop::collection::vec(hostile(), 1..8)) {
        let problem: Problem = forged(problem(), &texts);
        let text = texts.concat();
        let end = HostResult::failed("web-1", problem.clone()).end(Duration::ZERO);
        let log = |host: Option<&str>| EventKind::Log {
            level: Level::Warning, host: host.map(str::to_owned), text: text.clone(),
        };
        for kind in [EventKind::HostEnded(end), log(None), log(Some("web-1"))] {
            if let Some(line) = progress::line(&Event::now(Some(RolloutId::draw()), kind)) {
                check_lines(&line);
            }
        }
        check_lines(&what_next(&RolloutId::draw(), End::Paused, Some(&text), true));
        check_lines(&format!("error: {}", problem_text(&problem)));
        for is_run in [false, true] {
            let line = history::ProblemLine::of(&problem, is_run).to_string();
            check_lines(&line);
            prop_assert!(!line.contains('\n'), "{:?}", line);
        }
    }
}
