//! Tests of the messages about a rollout, and of their formats for each kind of service.

use nixfleet_contract::generation::Generation;
use nixfleet_contract::notification::{MessageFormat, Moment};
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::policy::Policy;
use nixfleet_contract::problem::{Code, Problem};

use super::message::{Message, MomentsMessage, Story};
use super::request::HttpRequest;
use super::text;
use crate::event::RolloutId;
use crate::event::{End, Event, EventKind, HostEnd};

pub fn id() -> RolloutId {
    "20261120-140322-kbzq".parse().unwrap()
}

fn began() -> EventKind {
    EventKind::RolloutBegan {
        command: "apply".into(),
        operator: "ada@desk".into(),
        flake: Some("/home/ada/fleet".into()),
        revision: Some("4f2c9d1-dirty".into()),
        resumed: false,
        policy: Policy::plain(),
        waves: vec![vec!["web-1".into()], vec!["web-2".into(), "web-3".into()]],
        excluded: vec![],
    }
}

fn host(name: &str, outcome: Outcome, problem: Option<Problem>) -> EventKind {
    let (before, after, exit_code) = (None, None, None);
    EventKind::HostEnded(HostEnd {
        host: name.into(),
        outcome,
        reason_code: None,
        problem,
        before,
        after,
        exit_code,
        duration_ms: 1,
    })
}

fn ended(end: End) -> EventKind {
    EventKind::RolloutEnded { end, duration_ms: 41_500 }
}

/// Returns the events of a rollout that paused because of a problem. The text of the problem contains a
/// mention that would notify everyone in a chat channel.
pub fn paused() -> Vec<EventKind> {
    let broken =
        Problem::new(Code::Unit, "<@everyone> \"web\" & co did not start").because("journal: hunter2");
    vec![
        began(),
        host("web-1", Outcome::RolledBack, Some(broken)),
        EventKind::RolloutPaused { reason: "1 host failed, but no host may fail".into() },
        host("web-2", Outcome::Deferred, None),
        host("web-3", Outcome::Deferred, None),
        ended(End::Paused),
    ]
}

fn told(kinds: Vec<EventKind>) -> Vec<MomentsMessage> {
    let mut story = Story::default();
    let event = |kind| Event { time: jiff::Timestamp::UNIX_EPOCH, ..Event::now(Some(id()), kind) };
    kinds.into_iter().filter_map(|kind| story.hear(&event(kind))).collect()
}

fn last(kinds: Vec<EventKind>) -> Message {
    told(kinds).pop().unwrap().1
}

#[test]
fn a_message_is_this_document() {
    let json = |message: &Message| serde_json::to_string_pretty(message).unwrap();
    expect_test::expect![[r#"
        {
          "schema": 1,
          "event": "start",
          "time": "1970-01-01T00:00:00Z",
          "rollout": "20261120-140322-kbzq",
          "command": "apply",
          "operator": "ada@desk",
          "flake": "/home/ada/fleet",
          "revision": "4f2c9d1-dirty",
          "resumed": false,
          "hosts": 3,
          "waves": 2,
          "outcomes": {},
          "failed": [],
          "next": []
        }"#]]
    .assert_eq(&json(&last(vec![began()])));
    expect_test::expect![[r#"
        {
          "schema": 1,
          "event": "pause",
          "time": "1970-01-01T00:00:00Z",
          "rollout": "20261120-140322-kbzq",
          "command": "apply",
          "operator": "ada@desk",
          "flake": "/home/ada/fleet",
          "revision": "4f2c9d1-dirty",
          "resumed": false,
          "hosts": 3,
          "waves": 2,
          "outcomes": {
            "deferred": 2,
            "rolled-back": 1
          },
          "failed": [
            {
              "host": "web-1",
              "outcome": "rolled-back",
              "problem": {
                "code": "NF-406",
                "text": "<@everyone> \"web\" & co did not start"
              }
            }
          ],
          "reason": "1 host failed, but no host may fail",
          "end": "paused",
          "durationMs": 41500,
          "next": [
            "nixfleet apply --resume 20261120-140322-kbzq"
          ]
        }"#]]
    .assert_eq(&json(&last(paused())));
}

#[test]
fn a_message_names_the_way_back_only_if_a_host_can_go_back() {
    let end = |number: u64| Some(Generation { number, closure: format!("/nix/store/{number}") });
    let host = |outcome, before, after| {
        let EventKind::HostEnded(host) = host("web-1", outcome, None) else { unreachable!() };
        EventKind::HostEnded(HostEnd { before, after, ..host })
    };
    let next = |hosts: &[EventKind]| {
        let all = std::iter::once(began()).chain(hosts.iter().cloned()).chain([ended(End::Paused)]);
        last(all.collect()).next
    };
    let on = "nixfleet apply --resume 20261120-140322-kbzq";
    let back = "nixfleet rollback --rollout 20261120-140322-kbzq";
    let changed = host(Outcome::Ok, end(1), end(2));
    assert_eq!(next(std::slice::from_ref(&changed)), [on, back]);
    assert_eq!(next(&[host(Outcome::Unreachable, end(1), None)]), [on, back], "it may have changed");
    assert_eq!(next(&[host(Outcome::Ok, None, end(1))]), [on], "it has only its first generation");
    assert_eq!(next(&[changed, host(Outcome::RolledBack, end(1), end(1))]), [on], "it went back already");
}

#[test]
fn each_end_is_told_to_whom_it_concerns() {
    let moments = |hosts: &[Outcome], end| {
        let hosts = hosts.iter().enumerate().map(|(at, outcome)| host(&format!("h{at}"), *outcome, None));
        let all = std::iter::once(began()).chain(hosts).chain([ended(end)]).collect();
        let (moments, message) = told(all).pop().unwrap();
        assert!(moments.contains(&message.event));
        (message.event, moments.into_iter().collect::<Vec<_>>())
    };
    let (good, bad) =
        ([Outcome::Ok, Outcome::Unchanged, Outcome::Skipped], [Outcome::Ok, Outcome::Unreachable]);
    assert_eq!(moments(&good, End::Complete), (Moment::Success, vec![Moment::Success]));
    assert_eq!(moments(&bad, End::Complete), (Moment::Failure, vec![Moment::Failure]));
    assert_eq!(moments(&bad, End::Paused), (Moment::Pause, vec![Moment::Pause, Moment::Failure]));
    assert_eq!(moments(&good, End::Interrupted), (Moment::Pause, vec![Moment::Pause]));
    assert_eq!(moments(&bad, End::RolledBack), (Moment::Failure, vec![Moment::Failure]));
}

#[test]
fn each_service_gets_what_it_understands() {
    let show = |kind, message: &Message| {
        let HttpRequest { headers, body } = HttpRequest::new(kind, message).unwrap();
        format!("{}\n\n{body}\n", headers.join("\n"))
    };
    let message = last(paused());
    expect_test::expect![[r#"
        Content-Type: application/json

        {"text":"apply to 3 hosts: paused\n20261120-140322-kbzq: ada@desk, /home/ada/fleet at 4f2c9d1-dirty\n2 deferred, 1 rolled-back in 41.5 s\n1 host failed, but no host may fail\nweb-1: rolled-back [NF-406] &lt;@everyone&gt; \"web\" &amp; co did not start\nnext: nixfleet apply --resume 20261120-140322-kbzq"}
    "#]].assert_eq(&show(MessageFormat::Slack, &message));
    expect_test::expect![[r#"
        Content-Type: application/json

        {"allowed_mentions":{"parse":[]},"content":"apply to 3 hosts: paused\n20261120-140322-kbzq: ada@desk, /home/ada/fleet at 4f2c9d1-dirty\n2 deferred, 1 rolled-back in 41.5 s\n1 host failed, but no host may fail\nweb-1: rolled-back [NF-406] <@everyone> \"web\" & co did not start\nnext: nixfleet apply --resume 20261120-140322-kbzq"}
    "#]].assert_eq(&show(MessageFormat::Discord, &message));
    expect_test::expect![[r#"
        Title: NixFleet: apply to 3 hosts: paused
        Priority: high
        Tags: pause_button

        20261120-140322-kbzq: ada@desk, /home/ada/fleet at 4f2c9d1-dirty
        2 deferred, 1 rolled-back in 41.5 s
        1 host failed, but no host may fail
        web-1: rolled-back [NF-406] <@everyone> "web" & co did not start
        next: nixfleet apply --resume 20261120-140322-kbzq
    "#]]
    .assert_eq(&show(MessageFormat::Ntfy, &message));
    assert!(HttpRequest::new(MessageFormat::Command, &message).is_none());
}

#[test]
fn a_text_says_what_people_need() {
    let show = |message: &Message| format!("{}\n{}\n", text::title(message), text::body(message));
    expect_test::expect![[r#"
        apply to 3 hosts: begins
        20261120-140322-kbzq: ada@desk, /home/ada/fleet at 4f2c9d1-dirty
        2 waves
    "#]]
    .assert_eq(&show(&last(vec![began()])));
    let all = ["web-1", "web-2", "web-3"].map(|name| host(name, Outcome::Ok, None));
    let complete = std::iter::once(began()).chain(all).chain([ended(End::Complete)]).collect();
    expect_test::expect![[r#"
        apply to 3 hosts: is complete
        20261120-140322-kbzq: ada@desk, /home/ada/fleet at 4f2c9d1-dirty
        3 ok in 41.5 s
    "#]]
    .assert_eq(&show(&last(complete)));
}
