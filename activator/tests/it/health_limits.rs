//! Tests of health checks against misbehaving servers and commands: each check ends in time and reports the
//! reason.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::health::{check, closure, command, http};
use crate::room::{Room, with};

/// Starts a server that calls `answer` for each connection, and returns its port.
fn serve(answer: fn(&mut TcpStream) -> std::io::Result<()>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || stream.read(&mut [0; 4096]).and_then(|_| answer(&mut stream)));
        }
    });
    port
}

/// Sends the same data in an endless loop.
fn over_and_over(stream: &mut TcpStream, piece: &[u8], pause: Duration) -> std::io::Result<()> {
    loop {
        stream.write_all(piece)?;
        thread::sleep(pause);
    }
}

/// A time limit for all checks together. It is less than a single check would take without its own limit, and
/// far more than all checks take on a busy machine.
const LIMIT: Duration = Duration::from_secs(55);

const DRIP: Duration = Duration::from_millis(100);

fn silent(stream: &mut TcpStream) -> std::io::Result<()> {
    over_and_over(stream, b"", Duration::from_secs(60))
}

fn dripping_head(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nX-Long: ")?;
    over_and_over(stream, b"a", DRIP)
}

fn dripping_body(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")?;
    over_and_over(stream, b"a", DRIP)
}

fn endless_body(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
    over_and_over(stream, &vec![b'a'; 65536], Duration::ZERO)
}

fn endless_head(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nX-Long: ")?;
    over_and_over(stream, &vec![b'a'; 65536], Duration::ZERO)
}

fn no_http(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"220 mail.example.org ESMTP\r\n\r\n")
}

fn bad_header(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nNot A Header\r\n\r\n")
}

fn nothing(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.shutdown(Shutdown::Both)
}

fn circle(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

/// Applies a closure with checks, and returns what each check reported. The apply must not take longer than
/// `limit`.
fn found(checks: &[Value], limit: Duration) -> String {
    let room = Room::new();
    let closure = closure(&room, "new", checks);
    let began = Instant::now();
    let report = room.applied(&closure, "failed");
    assert!(began.elapsed() < limit, "{:?}: {report:#}", began.elapsed());
    let results = report["healthChecks"].as_array().unwrap().iter();
    let lines = results.map(|result| {
        let detail = result["detail"].as_str().unwrap();
        let shown: String = detail.chars().take(120).collect();
        format!("{}: {shown}\n", result["name"].as_str().unwrap())
    });
    lines.collect()
}

#[test]
fn a_server_that_misbehaves_is_not_waited_for_and_told_from_one_that_is_down() {
    let looking = json!({ "bodyContains": "ready" });
    let asked = [
        ("a-silent", http(serve(silent), &json!({}))),
        ("b-dripping-head", http(serve(dripping_head), &json!({}))),
        ("c-dripping-body", http(serve(dripping_body), &looking)),
        ("d-endless-body", http(serve(endless_body), &looking)),
        ("e-endless-head", http(serve(endless_head), &json!({}))),
        ("f-no-http", http(serve(no_http), &json!({}))),
        ("g-bad-header", http(serve(bad_header), &json!({}))),
        ("h-nothing", http(serve(nothing), &json!({}))),
        ("i-circle", http(serve(circle), &json!({ "maxRedirects": 3 }))),
    ];
    // The first three servers use up the whole timeout. The timeout of the other servers is long enough for a
    // busy machine.
    let seconds = |name: &str| if ["a", "b", "c"].contains(&&name[..1]) { 2 } else { 30 };
    let checks: Vec<Value> = asked
        .into_iter()
        .map(|(name, http)| with(check(name, "http", http, "stop"), "timeout", seconds(name)))
        .collect();
    expect_test::expect![[r#"
        a-silent: no answer within 2 s
        b-dripping-head: no answer within 2 s
        c-dripping-body: no answer within 2 s
        d-endless-body: the body does not contain `ready`, but begins: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        e-endless-head: response header is too big: … > 65536
        f-no-http: its answer is not valid HTTP: http parse fail: invalid HTTP version
        g-bad-header: its answer is not valid HTTP: http parse fail: invalid header name
        h-nothing: Peer disconnected
        i-circle: too many redirects
    "#]].assert_eq(&without_size(&found(&checks, LIMIT)));
}

/// Removes the number of bytes from the message about a header that is too big, since this number depends on
/// the kernel.
fn without_size(found: &str) -> String {
    let (before, rest) = found.split_once("too big: ").unwrap();
    format!("{before}too big: …{}", rest.trim_start_matches(|c: char| c.is_ascii_digit()))
}

#[test]
fn a_command_that_misbehaves_is_ended_and_told_in_few_words() {
    let checks = [
        command("a-talking", "head -c 100000000 /dev/zero | tr '\\0' x; exit 3", "stop"),
        command("b-child-left", "sleep 60 & echo begun", "stop"),
        with(command("c-hanging", "trap '' TERM INT HUP; sleep 60", "stop"), "timeout", 1),
        with(command("d-forking", "while :; do sleep 60 & sleep 0.01; done", "stop"), "timeout", 1),
        check("e-missing", "command", json!(["/nowhere/program"]), "stop"),
        command("f-killed", "kill -9 $$", "stop"),
    ];
    expect_test::expect![[r#"
        a-talking: exit code 3: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
        b-child-left: exit code 0
        c-hanging: it did not end within 1 s
        d-forking: it did not end within 1 s
        e-missing: /nowhere/program cannot be run: No such file or directory (os error 2)
        f-killed: signal: 9 (SIGKILL)
    "#]].assert_eq(&found(&checks, LIMIT));
}
