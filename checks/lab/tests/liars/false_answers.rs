//! Tests of hosts that send false answers, and texts that forge other lines.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::becomes;
use crate::stage::shared::MANAGED_WEB;
use crate::stage::{applies, generation, outcomes_of};

/// The name of a lie, and a function that makes a false answer from two real answers.
type Lie = (&'static str, fn(&str, &str) -> Vec<u8>);

/// Ways to falsify an answer. The first argument is the real answer, and the second is the answer to another
/// query.
const LIES: [Lie; 13] = [
    ("cut off", |truth, _| truth.as_bytes()[..truth.len() / 2].to_vec()),
    ("twice", |truth, _| truth.repeat(2).into()),
    ("of another version", |truth, _| truth.replacen("\"schema\":1", "\"schema\":2", 1).into()),
    ("without a version", |truth, _| truth.replacen("\"schema\":1,", "", 1).into()),
    ("of another kind", |_, other| other.into()),
    ("not a number", |truth, _| truth.replacen("\"schema\":1", "\"schema\":NaN", 1).into()),
    ("a huge number", |truth, _| truth.replacen("\"schema\":1", "\"schema\":1e999", 1).into()),
    ("two versions", |truth, _| truth.replacen("\"schema\":1", "\"schema\":1,\"schema\":1", 1).into()),
    ("half a letter", |truth, _| {
        truth
            .replace("web-1", "\\ud800")
            .replace("/etc/motd", "/\\ud800")
            .replacen("\"number\":1", "\"number\":\"\\udc00\"", 1)
            .into()
    }),
    ("no text", |_, _| b"{\"schema\":1,\"host\":\"\xff\xfe\"}".to_vec()),
    ("deep", |_, _| format!("{{\"schema\":1,\"host\":{}", "[".repeat(200_000)).into()),
    ("many", |_, _| format!("{{\"schema\":1,\"kept\":[{}0]}}", "0,".repeat(5_000_000)).into()),
    ("a word", |_, _| b"ok\n2 hosts: 2 ok\n".to_vec()),
];

/// Each command, the subcommand of the activator that answers it, and another subcommand, whose answer can be
/// sent instead.
const QUESTIONS: [(&str, &str, &str); 6] = [
    ("status", "status", "plan"),
    ("plan", "plan", "status"),
    ("rollback --yes", "rollback", "status"),
    ("check", "health", "status"),
    ("gc --yes", "gc", "status"),
    ("backups list", "backups", "status"),
];

#[test]
fn no_lie_is_taken_for_the_answer_to_a_question() {
    let lab = MANAGED_WEB.turn();
    let (web, operator) = (lab.guest("web-1").unwrap(), lab.operator().unwrap());
    operator.edits("roles/web.nix", "message = \"hello\"", "message = \"hello again\"").unwrap();
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
    let keeps = "#!/bin/sh\nif [ -e /tmp/lie ]; then cat > /dev/null; cat /tmp/lie; exit 0; fi\n\
                 /opt/sudo \"$@\" > /tmp/said; code=$?; cp /tmp/said /tmp/true-$4; cat /tmp/said; exit $code\n";
    becomes(&lab, keeps);
    let files = web.files().unwrap();
    let ask = |command: &str| operator.types(&format!("nixfleet {command} --json --host web-1")).unwrap();
    // The real answers, by subcommand. The rollback is only previewed, and declined at the prompt.
    let truths: BTreeMap<&str, String> = QUESTIONS
        .iter()
        .map(|(command, answered_by, _)| {
            let asked = if command.starts_with("rollback") {
                operator.types("echo n | script -qec 'nixfleet rollback --host web-1' /dev/null").unwrap()
            } else {
                ask(command)
            };
            (
                *answered_by,
                files.text(&format!("/tmp/true-{answered_by}")).unwrap_or_else(|_| panic!("{asked}")),
            )
        })
        .collect();
    let mut broken = Vec::new();
    for (command, answered_by, other) in QUESTIONS {
        for (what, lie) in LIES {
            files.write("/tmp/lie", lie(&truths[answered_by], &truths[other])).unwrap();
            let began = Instant::now();
            let finished = ask(command);
            let took = began.elapsed();
            let code = serde_json::from_str::<Value>(&finished.stdout)
                .ok()
                .map(|read| read["hosts"][0]["problem"]["code"].clone());
            if code != Some(json!("NF-307"))
                || finished.ok()
                || took > Duration::from_secs(10)
                || finished.stderr.contains("bug")
            {
                broken.push(format!("{command}, {what}, {took:?}: {finished}"));
            }
        }
        web.ask("rm /tmp/lie").unwrap();
    }
    assert!(broken.is_empty(), "{} of them:\n{}", broken.len(), broken.join("\n"));
    assert_eq!(generation(web), 2);
}

/// A text with a line that looks like NixFleet's output, a link and a title for the terminal, and characters
/// that reverse text, break lines or are invisible.
const HOSTILE: &str = "w\r2 hosts: 2 ok\u{1b}]8;;http://evil\u{1b}\\x\u{1b}]8;;\u{7}\u{9b}2J\u{202e}\u{2066}\u{2028}\u{e0041}\u{200b}\n2 hosts: 2 ok";

#[test]
fn no_text_of_a_host_forges_a_line_wherever_it_is_told() {
    let lab = MANAGED_WEB.turn();
    let (web, operator) = (lab.guest("web-1").unwrap(), lab.operator().unwrap());
    let says = "notifications.all = { kind = \"command\"; command = [ \"/usr/bin/tee\" \"-a\" \"/home/ada/told\" ]; \
                on = [ \"start\" \"success\" \"failure\" \"pause\" ]; };\n  defaults.ssh.user = \"deploy\";";
    operator.edits("fleet.nix", "defaults.ssh.user = \"deploy\";", says).unwrap();
    operator.edits("roles/web.nix", "message = \"hello\"", "message = \"hello again\"").unwrap();
    let generation = json!({ "number": 1, "closure": format!("/nix/store/{HOSTILE}") });
    let report = json!({
        "schema": 1, "host": HOSTILE, "outcome": "failed", "before": generation, "after": generation,
        "stepsDone": 1, "kept": [HOSTILE], "notes": [HOSTILE], "recovered": HOSTILE, "durationMs": 5,
        "problem": { "code": "NF-406", "what": HOSTILE, "where": HOSTILE, "why": HOSTILE, "help": HOSTILE },
        "healthChecks": [{ "name": HOSTILE, "kind": HOSTILE, "from": "host", "passed": false, "attempts": 1,
            "durationMs": 5,
                           "detail": HOSTILE, "onFailure": "stop" }],
    });
    web.files().unwrap().write("/tmp/report", format!("{report}\n")).unwrap();
    becomes(
        &lab,
        "#!/bin/sh\ncase $4:$5 in -c:*--serve*apply*) /opt/sudo -n -- \"$7\" --serve --write; cat /tmp/report; \
         printf '\\033]0;owned\\007\\n' >&2; exit 1 ;; esac\nexec /opt/sudo \"$@\"\n",
    );
    let on_a_terminal = |line: &str| format!("script -qec '{line}' /dev/null");
    let apply = "nixfleet apply --yes --host web-1";
    let (resume, show) = ("nixfleet apply --yes --resume", "nixfleet history show last");
    let shown = [
        apply.to_owned(),
        on_a_terminal(apply),
        on_a_terminal(&format!("{apply} -v")),
        on_a_terminal(&format!("{apply} --json")),
        on_a_terminal(&format!("{apply} --events")),
        on_a_terminal(resume),
        show.to_owned(),
        on_a_terminal(show),
        on_a_terminal(&format!("{show} --json")),
        on_a_terminal("nixfleet history"),
        on_a_terminal("nixfleet history --host web-1 -v"),
        "cat ~/told".to_owned(),
    ];
    let mut silent = Vec::new();
    for line in shown {
        let finished = operator.types(&line).unwrap();
        let said = format!("{}{}", finished.stdout, finished.stderr);
        if !said.contains("2 hosts: 2 ok") {
            silent.push(line.clone());
        }
        let hidden = ['\u{7}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{2028}', '\u{e0041}', '\u{200b}'];
        assert!(!said.contains(hidden) && !said.contains("\u{1b}]"), "{line}: {said:?}");
        let forged = said.split(['\n', '\r']).find(|line| line.starts_with("2 hosts: 2 ok"));
        assert_eq!(forged, None, "{line}: {finished}");
    }
    assert!(silent.len() < 2, "nobody is told of it: {silent:#?}");
}
