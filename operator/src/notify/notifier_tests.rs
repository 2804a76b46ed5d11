//! Tests of notifications to recipients that work and to recipients that fail. No recipient may delay a
//! rollout.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nixfleet_contract::notification::{MessageFormat, Moment, Notification};

use super::Notifier;
use super::message_tests::{id, paused};
use crate::event::{Bus, Event, EventKind, Listener};

/// The way in which a server responds to requests.
#[derive(Clone, Copy)]
enum ServerBehavior {
    Answers(&'static str),
    AnswersAfter(Duration),
    Hangs,
}

/// Starts a server on this machine. Returns its address, and the requests that it receives.
fn server(behavior: ServerBehavior) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hunter2", listener.local_addr().unwrap());
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = sender.send(request(&mut stream));
            let answer = match behavior {
                ServerBehavior::Answers(answer) => answer,
                ServerBehavior::AnswersAfter(time) => {
                    std::thread::sleep(time);
                    "204 No Content"
                }
                ServerBehavior::Hangs => {
                    std::mem::forget(stream);
                    continue;
                }
            };
            let _ = write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    (url, requests)
}

/// Reads one complete request.
fn request(stream: &mut TcpStream) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut buffer).unwrap_or_default();
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            body.len() >= length.unwrap_or(0)
        });
        if whole || read == 0 {
            return text;
        }
    }
}

/// The timeout for recipients that hang, in seconds.
const HANGING: u64 = 3;

fn to(kind: MessageFormat, url: Option<String>) -> Notification {
    Notification {
        kind,
        url,
        url_file: None,
        url_env: None,
        token_file: None,
        token_env: None,
        command: vec![],
        on: vec![Moment::Start, Moment::Pause, Moment::Failure, Moment::Success],
        timeout: 60,
    }
}

/// Shortens the timeout of a recipient that hangs, since the test waits until the timeout has passed. The
/// timeout of the other recipients is long enough even for a busy machine.
fn hangs(notification: Notification) -> Notification {
    Notification { timeout: HANGING, ..notification }
}

#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Listener for Warnings {
    fn name(&self) -> &'static str {
        "warnings"
    }

    fn hear(&mut self, event: &Event) -> anyhow::Result<()> {
        if let EventKind::Log { text, .. } = &event.kind {
            self.0.lock().unwrap().push(text.clone());
        }
        Ok(())
    }
}

/// Publishes the events of a rollout to a notifier with these recipients. Returns the time taken to publish
/// them, the total time until all deliveries have ended, and the warnings.
async fn play(
    recipients: &[(&str, Notification)],
    kinds: Vec<EventKind>,
) -> (Duration, Duration, Vec<String>) {
    let (bus, warnings) = (Bus::default(), Warnings::default());
    bus.subscribe(warnings.clone());
    let named: BTreeMap<String, Notification> =
        recipients.iter().map(|(name, to)| ((*name).to_owned(), to.clone())).collect();
    let events = bus.of(id());
    bus.subscribe(Notifier::new(id(), &named, &events));
    let begun = Instant::now();
    for kind in kinds {
        events.say(kind);
        tokio::task::yield_now().await;
    }
    let said = begun.elapsed();
    bus.settle().await;
    let warned = warnings.0.lock().unwrap().clone();
    (said, begun.elapsed(), warned)
}

fn body(request: &str) -> serde_json::Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn a_webhook_gets_the_document_and_its_token() {
    let (url, requests) = server(ServerBehavior::Answers("200 OK"));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        Some(folder.path().join(name).display().to_string())
    };
    let (url_file, token_file) = (write("url", &url), write("token", "a-token\n"));
    let webhook = Notification { url_file, token_file, ..to(MessageFormat::Webhook, None) };
    let (_, _, warnings) = play(&[("team", webhook)], paused()).await;
    assert_eq!(warnings, [""; 0]);
    let sent: Vec<String> = requests.try_iter().collect();
    assert_eq!(sent.len(), 2);
    assert!(sent[0].starts_with("POST /hunter2 HTTP/1.1\r\n"), "{}", sent[0]);
    assert!(sent[0].contains("\r\nAuthorization: Bearer a-token\r\n"), "{}", sent[0]);
    let events: Vec<_> = sent.iter().map(|request| body(request)["event"].clone()).collect();
    assert_eq!(events, ["start", "pause"]);
    assert!(!sent[1].contains("journal: hunter2"));
}

#[tokio::test]
async fn only_chosen_moments_are_reported_and_each_once() {
    let (url, requests) = server(ServerBehavior::Answers("200 OK"));
    let on = vec![Moment::Failure, Moment::Pause];
    play(&[("team", Notification { on, ..to(MessageFormat::Slack, Some(url)) })], paused()).await;
    assert_eq!(requests.try_iter().count(), 1);
}

#[tokio::test]
async fn who_refuses_fails_or_hangs_is_a_warning_and_delays_nothing_but_the_end() {
    let (failing, _f) = server(ServerBehavior::Answers("500 Oh"));
    let (hanging, _h) = server(ServerBehavior::Hangs);
    let (slow, requests) = server(ServerBehavior::AnswersAfter(Duration::from_millis(300)));
    // Nothing listens on this port, so connections are refused.
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let webhook = |url: String| to(MessageFormat::Webhook, Some(url));
    let recipients = [
        ("failing", webhook(failing)),
        ("hanging", hangs(webhook(hanging))),
        ("refusing", webhook(format!("http://{refusing}/hunter2"))),
        ("slow", webhook(slow)),
        (
            "nowhere",
            Notification { url_env: Some("NIXFLEET_NO_SUCH".into()), ..to(MessageFormat::Slack, None) },
        ),
    ];
    let (said, took, warnings) = play(&recipients, paused()).await;
    assert!(said < Duration::from_secs(HANGING), "{said:?}");
    assert!(took < Duration::from_secs(50), "{took:?}");
    assert_eq!(requests.try_iter().count(), 2);
    let all = warnings.join("\n");
    let of =
        |name: &str| warnings.iter().find(|text| text.contains(&format!("notification {name} "))).unwrap();
    assert!(of("failing").ends_with("the server answered 500"), "{all}");
    assert!(of("hanging").contains("timed out") || of("hanging").contains("too long"), "{all}");
    assert!(of("refusing").contains("connect"), "{all}");
    assert!(of("nowhere").ends_with("the variable NIXFLEET_NO_SUCH is not set"), "{all}");
    assert!(!all.contains("slow") && !all.contains("hunter2"), "{all}");
}

#[tokio::test]
async fn a_command_reads_the_document() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("said").display().to_string();
    let run = |script: String| {
        let command = ["sh", "-c", &script].map(String::from).to_vec();
        Notification { command, ..to(MessageFormat::Command, None) }
    };
    let recipients = [
        ("file", run(format!("cat >> {file}"))),
        ("broken", run("echo it is closed >&2; exit 3".into())),
        ("endless", hangs(run("exec sleep 600".into()))),
        (
            "missing",
            Notification { command: vec!["/no/such/program".into()], ..to(MessageFormat::Command, None) },
        ),
    ];
    let (_, took, warnings) = play(&recipients, paused()).await;
    let said = std::fs::read_to_string(file).unwrap();
    let events: Vec<serde_json::Value> = said
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["event"].clone())
        .collect();
    assert_eq!(events, ["start", "pause"]);
    assert!(took < Duration::from_secs(50), "{took:?}");
    let all = warnings.join("\n");
    for expected in
        ["broken was not delivered: sh failed", "it is closed", "endless", "/no/such/program: No such file"]
    {
        assert!(all.contains(expected), "{expected}: {all}");
    }
}

#[tokio::test]
async fn a_command_may_leave_something_running() {
    let command = ["sh", "-c", "sleep 60 &"].map(String::from).to_vec();
    let screen = Notification { command, ..to(MessageFormat::Command, None) };
    let (_, took, warnings) = play(&[("screen", screen)], paused()).await;
    assert_eq!(warnings, [""; 0]);
    assert!(took < Duration::from_secs(50), "{took:?}");
}

/// The file with the address is a named pipe without a writer. Reading the pipe blocks, like reading a file
/// on a disk that does not answer.
#[test]
fn a_file_that_cannot_be_read_in_time_holds_no_rollout_up() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("url");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let stuck =
        Notification { url_file: Some(pipe.display().to_string()), ..to(MessageFormat::Webhook, None) };
    let stuck = hangs(stuck);
    let (said, played) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _ = said.send(runtime.block_on(play(&[("stuck", stuck)], paused())));
        runtime.shutdown_background();
    });
    let (told, _, warnings) = played.recv_timeout(Duration::from_secs(50)).unwrap();
    assert!(told < Duration::from_secs(HANGING), "{told:?}");
    assert!(warnings[0].ends_with("its address cannot be read in time"), "{warnings:?}");
}
