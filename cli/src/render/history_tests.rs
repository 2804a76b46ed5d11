//! Tests of the output of `nixfleet history`.

use jiff::SignedDuration;

use super::*;
use nixfleet_operator::history::ProblemLine;

fn host(name: &str, outcome: Option<Outcome>, generations: (u64, Option<u64>)) -> HostEntry {
    let generation = |number| Generation { number, closure: "/nix/store/x".into() };
    HostEntry {
        host: name.into(),
        outcome,
        steps: Some(2),
        begun: outcome.is_some(),
        before: Some(generation(generations.0)),
        after: generations.1.map(generation),
        duration_ms: Some(1234),
        exit_code: None,
        problem: None,
    }
}

fn entry_of(id: &str, command: &str, hosts: Vec<HostEntry>) -> CommandEntry {
    let began = "2026-11-20T14:03:22Z".parse().unwrap();
    CommandEntry {
        id: id.parse().unwrap(),
        command: command.into(),
        arguments: ["--on", "web-* and @prod"].map(String::from).to_vec(),
        operator: "ada@desk".into(),
        began,
        ended: Some(began + SignedDuration::from_millis(41_500)),
        state: CommandState::Ended,
        exit_code: Some(0),
        flake: Some("/home/ada/fleet".into()),
        revision: Some("4f2c9d1-dirty".into()),
        rollout: None,
        end: None,
        reason: None,
        problem: None,
        hosts,
    }
}

fn samples() -> [CommandEntry; 5] {
    let problem =
        Some(ProblemLine { code: Some("NF-406".into()), text: "web.service did not\u{7} start".into() });
    let back = HostEntry { problem, ..host("web-2", Some(Outcome::RolledBack), (1, Some(1))) };
    let begun = HostEntry { begun: true, ..host("web-2", None, (1, None)) };
    let ran = HostEntry { exit_code: Some(3), ..host("web-1", Some(Outcome::Failed), (1, None)) };
    let ok = || host("web-1", Some(Outcome::Ok), (1, Some(2)));
    let refused = Some(ProblemLine { code: Some("NF-103".into()), text: "unknown tag `x`".into() });
    [
        CommandEntry {
            rollout: "20261120-140322-kbzq".parse().ok(),
            end: Some(End::Paused),
            reason: Some("1 host failed, but no host may fail".into()),
            ..entry_of("20261120-140322-kbzq", "apply", vec![ok(), back])
        },
        entry_of("20261120-140322-bbbb", "plan", vec![host("web-1", None, (1, None))]),
        CommandEntry {
            state: CommandState::Interrupted,
            ended: None,
            ..entry_of("20261120-140322-cccc", "apply", vec![ok(), begun])
        },
        CommandEntry { problem: refused, ..entry_of("20261120-140322-dddd", "apply", vec![]) },
        entry_of("20261120-140322-ffff", "run", vec![ran]),
    ]
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn a_change_that_was_declined_says_so() {
    let undone = HostEntry { begun: false, after: None, ..host("web-1", None, (1, None)) };
    let declined =
        CommandEntry { end: Some(End::Declined), ..entry_of("20261120-140322-bbbb", "apply", vec![undone]) };
    let text = entries(&[declined], false);
    assert!(text.contains("declined") && text.contains("1 to change"), "{text}");
}

#[test]
fn each_command_is_a_line() {
    expect_test::expect![[r#"
        name                  began             who       command                       result
        20261120-140322-kbzq  2026-11-20 14:03  ada@desk  apply --on 'web-* and @prod'  paused: 1 ok, 1 rolled-back
        20261120-140322-bbbb  2026-11-20 14:03  ada@desk  plan --on 'web-* and @prod'   1 to change
        20261120-140322-cccc  2026-11-20 14:03  ada@desk  apply --on 'web-* and @prod'  interrupted: 1 unknown, 1 ok
        20261120-140322-dddd  2026-11-20 14:03  ada@desk  apply --on 'web-* and @prod'  [NF-103] unknown tag `x`
        20261120-140322-ffff  2026-11-20 14:03  ada@desk  run --on 'web-* and @prod'    1 failed
    "#]].assert_eq(&plain(&list(&samples(), false, &TimeZone::UTC)));
}

#[test]
fn a_host_that_was_asked_about_says_how_it_went() {
    expect_test::expect![[r#"
        name                  began             who       command                       host   outcome              generation
        20261120-140322-kbzq  2026-11-20 14:03  ada@desk  apply --on 'web-* and @prod'  web-1  ok                   1 → 2
        20261120-140322-kbzq  2026-11-20 14:03  ada@desk  apply --on 'web-* and @prod'  web-2  rolled-back          1           [NF-406] web.service did not␇ start
        20261120-140322-bbbb  2026-11-20 14:03  ada@desk  plan --on 'web-* and @prod'   web-1  to change            1
        20261120-140322-cccc  2026-11-20 14:03  ada@desk  apply --on 'web-* and @prod'  web-1  ok                   1 → 2
        20261120-140322-cccc  2026-11-20 14:03  ada@desk  apply --on 'web-* and @prod'  web-2  unknown              1
        20261120-140322-ffff  2026-11-20 14:03  ada@desk  run --on 'web-* and @prod'    web-1  failed, exit code 3  1
    "#]].assert_eq(&plain(&list(&samples(), true, &TimeZone::UTC)));
}

#[test]
fn a_command_tells_all_that_is_known() {
    let [paused, _, killed, ..] = samples();
    let text = single(&paused, std::slice::from_ref(&killed), &TimeZone::UTC);
    expect_test::expect![[r#"
        20261120-140322-kbzq  nixfleet apply --on 'web-* and @prod'
          who      ada@desk
          when     2026-11-20 14:03:22 UTC, took 41.5 s
          fleet    /home/ada/fleet, 4f2c9d1-dirty
          rollout  20261120-140322-kbzq, paused: 1 host failed, but no host may fail
          see also 20261120-140322-cccc  apply --on 'web-* and @prod'
          result   paused: 1 ok, 1 rolled-back

        host   outcome      generation  took
        web-1  ok           1 → 2       1.2 s
        web-2  rolled-back  1           1.2 s  [NF-406] web.service did not␇ start
    "#]]
    .assert_eq(&plain(&text));
    let text = single(&killed, &[], &TimeZone::UTC);
    expect_test::expect![[r#"
        20261120-140322-cccc  nixfleet apply --on 'web-* and @prod'
          who      ada@desk
          when     began 2026-11-20 14:03:22 UTC
          fleet    /home/ada/fleet, 4f2c9d1-dirty
          result   interrupted: 1 unknown, 1 ok
                   the command was killed, or could no longer write the history; check the state of the hosts: nixfleet status

        host   outcome  generation  took
        web-1  ok       1 → 2       1.2 s
        web-2  unknown  1           1.2 s
    "#]]
    .assert_eq(&plain(&text));
}
