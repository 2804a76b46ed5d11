//! Tests with hosts that send more than is read. Each host is a shell script.

use std::time::Duration;

use tokio::sync::mpsc::channel;
use tokio::time::timeout;

use super::*;
use crate::process::{Invocation, Output};

/// A time limit that no test reaches.
const LIMIT: Duration = Duration::from_secs(60);

async fn hears(hears: Hears, script: &str) -> Result<Output, Failure> {
    Invocation { hears, ..Invocation::new("sh", LIMIT).args(["-c", script]) }.run().await
}

fn too_much(result: Result<Output, Failure>) -> &'static str {
    match result {
        Err(Failure::TooMuch(limit)) => limit.of,
        other => panic!("{:?}", other.map(|output| output.stdout.len())),
    }
}

#[tokio::test]
async fn an_answer_is_read_up_to_its_limit() {
    let small = Limit { of: "test", bytes: 100_000 };
    let output = hears(Hears::Document(small), "head -c 100000 /dev/zero").await.unwrap();
    assert_eq!(output.stdout.len(), 100_000);
    assert_eq!(too_much(hears(Hears::Document(small), "head -c 100001 /dev/zero; sleep 60").await), "test");
    assert_eq!(
        too_much(hears(Hears::Document(limits::DOCUMENT), "cat /dev/zero").await),
        limits::DOCUMENT.of
    );
}

#[tokio::test]
async fn a_host_that_says_too_much_on_one_stream_is_not_waited_for_on_the_other() {
    let flood = "trap '' PIPE; (while :; do sleep 1; done) & cat /dev/zero >&2; sleep 60";
    let small = Limit { of: "test", bytes: 1 };
    assert_eq!(too_much(hears(Hears::Document(small), flood).await), limits::ERRORS.of);
}

#[tokio::test]
async fn both_ends_of_errors_are_kept() {
    let script = "echo first >&2; yes middle | head -c 3500000 >&2; echo last >&2";
    let output = hears(Hears::Document(limits::DOCUMENT), script).await.unwrap();
    let said = output.stderr_text();
    assert!(said.starts_with("first\nmiddle\n") && said.ends_with("middle\nlast\n"), "{} bytes", said.len());
    assert!(said.contains("\n[...]\n") && said.len() < 3 * limits::END_OF_ERRORS, "{} bytes", said.len());
    let output = hears(Hears::Document(limits::DOCUMENT), "echo all >&2").await.unwrap();
    assert_eq!(output.stderr_text(), "all\n");
}

#[tokio::test]
async fn the_lines_of_a_run_end_at_the_limits_of_a_line_and_of_all() {
    let (sender, _receiver) = channel(1);
    let endless = hears(Hears::Lines(sender.clone()), "cat /dev/zero").await;
    assert_eq!(too_much(endless), limits::LINE.of);
    let many = hears(Hears::Lines(sender), "yes 'not a notice'").await;
    assert_eq!(too_much(many), limits::RUN.of);
}

#[tokio::test]
async fn of_the_lines_of_a_run_the_first_and_the_last_are_kept() {
    let (sender, _receiver) = channel(1);
    let script = "echo first; yes between | head -c 3000000; echo; printf last";
    let output = hears(Hears::Lines(sender), script).await.unwrap();
    assert!(output.stdout.starts_with(b"first\n") && output.stdout.ends_with(b"\nlast"));
    assert!(output.stdout.len() <= limits::BEFORE + 4, "{} bytes", output.stdout.len());
}

#[tokio::test]
async fn no_more_notices_wait_than_may_and_nobody_waits_for_them() {
    let (sender, mut notices) = channel(limits::NOTICES);
    let script = "for i in $(seq 2000); do echo \"{$i}\"; done; head -c 5000 /dev/zero | sed 's/^/{/'; echo";
    hears(Hears::Lines(sender), script).await.unwrap();
    let mut heard = Vec::new();
    while let Some(notice) = notices.recv().await {
        heard.push(String::from_utf8(notice).unwrap());
    }
    let expected: Vec<_> = (1..=limits::NOTICES).map(|number| format!("{{{number}}}\n")).collect();
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn a_host_that_keeps_a_place_and_says_nothing_gives_it_up_to_others() {
    let large = Large::of(1, Duration::from_millis(100));
    let limit = limits::DOCUMENT;
    let (ours, mut silent) = tokio::io::duplex(4 << 20);
    let more = vec![b'x'; 2 << 20];
    tokio::io::AsyncWriteExt::write_all(&mut silent, &more).await.unwrap();
    let work =
        async { tokio::join!(document(ours, limit, &large), document(more.as_slice(), limit, &large)) };
    let (slow, quick) = timeout(LIMIT, work).await.unwrap();
    assert!(matches!(slow, Err(Failure::TooSlow)));
    assert_eq!(quick.unwrap().0.len(), more.len());
    drop(silent);
}

#[tokio::test]
async fn a_slow_host_for_whose_place_nobody_waits_is_let_be() {
    let large = Large::of(1, Duration::from_millis(10));
    let (ours, mut slow) = tokio::io::duplex(4 << 20);
    let says = async {
        let more = vec![b'x'; 2 << 20];
        tokio::io::AsyncWriteExt::write_all(&mut slow, &more).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop(slow);
    };
    let (read, ()) = tokio::join!(document(ours, limits::DOCUMENT, &large), says);
    assert_eq!(read.unwrap().0.len(), 2 << 20);
}
