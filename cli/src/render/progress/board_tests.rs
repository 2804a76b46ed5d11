//! Tests of the content of the live view.

use super::*;
use nixfleet_operator::event::HostEnd;

fn phase(host: &str, phase: Phase) -> EventKind {
    EventKind::HostPhase { host: host.into(), phase }
}

fn ended(host: &str, outcome: Outcome) -> EventKind {
    let (problem, before, after) = (None, None, None);
    EventKind::HostEnded(HostEnd {
        host: host.into(),
        outcome,
        reason_code: None,
        problem,
        before,
        after,
        exit_code: None,
        duration_ms: 1,
    })
}

fn began(waves: &[&[&str]]) -> EventKind {
    let waves = waves.iter().map(|wave| wave.iter().map(ToString::to_string).collect()).collect();
    EventKind::RolloutBegan {
        command: "apply".into(),
        operator: "ada@desk".into(),
        flake: None,
        revision: None,
        resumed: false,
        policy: nixfleet_contract::policy::Policy::plain(),
        waves,
        excluded: Vec::new(),
    }
}

fn wave(number: usize, of: usize) -> EventKind {
    EventKind::WaveBegan { wave: number, of, hosts: Vec::new() }
}

/// Updates a board with events, each at a given second, and returns the lines of the board at the time of the
/// last event.
fn shown(width: usize, height: usize, kinds: &[(u64, EventKind)]) -> String {
    let (start, mut board) = (Instant::now(), Board::default());
    let mut now = start;
    for (second, kind) in kinds {
        now = start + Duration::from_secs(*second);
        board.hear(kind, now);
    }
    let lines = board.lines(now, Room { width, height }, "");
    assert!(lines.iter().all(|line| measure_text_width(line) < width), "{lines:#?}");
    assert!(lines.len() < height, "{lines:#?}");
    lines.join("\n")
}

fn rollout() -> Vec<(u64, EventKind)> {
    vec![
        (0, began(&[&["web-1"], &["db-1", "web-2", "web-3"], &["cache-with-a-long-name"]])),
        // This host is in maintenance, so it is skipped and is in no wave.
        (0, ended("web-9", Outcome::Skipped)),
        (0, wave(1, 3)),
        (0, phase("web-1", Phase::Copying)),
        (2, phase("web-1", Phase::Activating)),
        (9, ended("web-1", Outcome::Ok)),
        (70, wave(2, 3)),
        (70, phase("cache-with-a-long-name", Phase::Copying)),
        (70, phase("web-3", Phase::Copying)),
        (71, phase("web-2", Phase::Activating)),
        (72, phase("cache-with-a-long-name", Phase::Waiting)),
        (75, ended("web-2", Outcome::RolledBack)),
        (75, phase("db-1", Phase::Waiting)),
        (80, phase("web-3", Phase::Activating)),
        (90, phase("web-3", Phase::Activating)),
    ]
}

#[test]
fn each_host_says_what_it_does_and_for_how_long() {
    expect_test::expect![[r"
        web-3                   activating  10s
        cache-with-a-long-name  waits for wave 3  18s
        db-1                    waits for others of its wave  15s
        wave 2 of 3 ━━━━━━────────────── 1/3 · all 2/5 · 1 failed · 1 in work, 2 waiting · 1m 30s"]]
    .assert_eq(&shown(100, 24, &rollout()));
}

#[test]
fn a_small_terminal_shows_less() {
    expect_test::expect![[r"
        web-3  activating  10s
        … and 2 more
        wave 2 of 3 1/3 · all 2/5 · 1 failed ·…"]]
    .assert_eq(&shown(40, 4, &rollout()));
    expect_test::expect![[r"
        … and 3 m…
        wave 2 of…"]]
    .assert_eq(&shown(11, 3, &rollout()));
}

#[test]
fn a_soak_is_counted_down() {
    let mut all = rollout();
    all.truncate(6);
    all.push((10, EventKind::WaveSoaking { wave: 1, seconds: 300 }));
    all.push((40, phase("db-1", Phase::Waiting)));
    expect_test::expect![[r"
        db-1  waits for wave 2  0s
        wave 1 of 3 ━━━━━━━━━━ 1/1 · all 1/5 · watched for 4m 30s more · 40s"]]
    .assert_eq(&shown(79, 24, &all));
}

#[test]
fn two_hundred_hosts_fit_and_none_is_left_behind() {
    let names: Vec<String> = (0..200).map(|number| format!("web-{number:03}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut kinds = vec![(0, began(&[&all])), (0, wave(1, 1))];
    kinds.extend(names.iter().map(|name| (1, phase(name, Phase::Activating))));
    kinds.push((2, ended("web-000", Outcome::Ok)));
    let text = shown(80, 24, &kinds);
    assert!(text.starts_with("web-001  activating  1s\n"), "{text}");
    expect_test::expect![[r"
        … and 178 more
        ──────────────────── 1/200 · 199 in work · 2s"]]
    .assert_eq(&text.lines().skip(21).collect::<Vec<_>>().join("\n"));
}

#[test]
fn hosts_are_asked_while_others_are_built() {
    let planned = |host: &str| EventKind::HostPlanned {
        host: host.into(),
        steps: Some(1),
        current: None,
        problem: None,
    };
    let mut all =
        vec![(0, EventKind::StageBegan { stage: Stage::Build }), (9, phase("web-1", Phase::Planning))];
    expect_test::expect![[r"
        web-1  planning  0s
        building  9s · 1 in work, 0 done"]]
    .assert_eq(&shown(80, 24, &all));
    all.extend([(10, planned("web-1")), (11, phase("web-2", Phase::Planning))]);
    expect_test::expect![[r"
        web-2  planning  0s
        building  11s · 1 in work, 1 done"]]
    .assert_eq(&shown(80, 24, &all));
    let (stage, duration_ms, problem) = (Stage::Build, 1, None);
    all.push((12, EventKind::StageEnded { stage, duration_ms, problem }));
    expect_test::expect![[r"
        web-2  planning  1s
        1 in work, 1 done"]]
    .assert_eq(&shown(80, 24, &all));
}

#[test]
fn hosts_that_are_evaluated_are_shown_beside_hosts_that_are_built_and_planned() {
    let mut all = vec![(0, EventKind::StageBegan { stage: Stage::Build })];
    all.extend(["db-1", "db-2"].map(|host| (1, phase(host, Phase::Evaluating))));
    all.extend([(4, phase("db-1", Phase::Building)), (6, phase("web-1", Phase::Planning))]);
    expect_test::expect![[r"
        db-1   building  2s
        db-2   evaluating  5s
        web-1  planning  0s
        building  6s · 3 in work, 0 done"]]
    .assert_eq(&shown(80, 24, &all));
}

#[test]
fn nothing_is_shown_while_nothing_is_done() {
    let (now, mut board) = (Instant::now(), Board::default());
    let mut idle = |kind: &EventKind| {
        board.hear(kind, now);
        board.is_idle()
    };
    assert!(!idle(&EventKind::StageBegan { stage: Stage::Build }));
    let (stage, duration_ms, problem) = (Stage::Build, 1, None);
    assert!(idle(&EventKind::StageEnded { stage, duration_ms, problem }));
    assert!(!idle(&phase("web-1", Phase::Planning)));
    assert!(idle(&EventKind::HostPlanned {
        host: "web-1".into(),
        steps: Some(1),
        current: None,
        problem: None
    }));
    assert!(!idle(&began(&[&["web-1"]])));
    let end = nixfleet_operator::event::End::Complete;
    assert!(idle(&EventKind::RolloutEnded { end, duration_ms: 1 }));
}

#[test]
fn a_host_that_waits_for_apt_shows_the_program_until_the_wait_ends() {
    let waits = |second, name: Option<&str>| {
        let holder = name.map(|name| LockHolder { process: 815, name: name.into(), since: None });
        (second, EventKind::HostAwaitsApt { host: "web-1".into(), holder })
    };
    let mut kinds = vec![(0, phase("web-1", Phase::Activating)), waits(2, Some("apt-get"))];
    assert!(
        shown(80, 24, &kinds).contains("web-1  waits for apt: 815 apt-get  0s"),
        "{}",
        shown(80, 24, &kinds)
    );
    kinds.push(waits(9, None));
    assert!(shown(80, 24, &kinds).contains("web-1  activating"), "{}", shown(80, 24, &kinds));
}
