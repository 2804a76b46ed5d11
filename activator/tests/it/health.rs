//! Tests of health checks as part of a change: their results decide whether the change is kept.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use serde_json::{Value, json};

use crate::room::{PROGRAM, Room, build, empty_intent, file, with};

/// Returns a check of the given kind with one attempt.
pub fn check(name: &str, kind: &str, probe: Value, on_failure: &str) -> Value {
    let mut check = json!({
        "name": name, "unit": null, "stableFor": 3, "http": null, "tcp": null, "command": null, "interval": 1,
        "retries": 0, "timeout": 5, "startDelay": 0, "from": "host", "onFailure": on_failure,
    });
    check[kind] = probe;
    check
}

pub fn command(name: &str, script: &str, on_failure: &str) -> Value {
    check(name, "command", json!(["/bin/sh", "-c", script]), on_failure)
}

/// Builds a closure with a file that contains `word`, and with checks.
pub fn closure(room: &Room, word: &str, checks: &[Value]) -> String {
    room.closure(word, &json!({ "files": [file("/etc/word", Some(word))], "healthChecks": checks }))
}

/// Starts a server that sends the same response to every request, and returns its port.
fn serve(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    port
}

pub fn http(port: u16, expected: &Value) -> Value {
    let mut http = json!({
        "url": format!("http://localhost:{port}/"), "method": "GET", "requestHeaders": {}, "status": null,
        "bodyContains": null, "bodyMatches": null, "responseHeaders": {}, "maxRedirects": 0,
        "verifyCertificate": true,
    });
    for (field, value) in expected.as_object().unwrap() {
        http[field] = value.clone();
    }
    http
}

#[test]
fn a_failed_check_undoes_the_change_and_says_what_it_found() {
    let room = Room::new();
    room.applied(&closure(&room, "old", &[command("word", "exit 0", "rollback")]), "ok");
    let before = room.tree("/etc");

    let new = closure(&room, "new", &[command("word", "echo too bad; exit 7", "rollback")]);
    let report = room.applied(&new, "rolled-back");

    assert_eq!(room.tree("/etc"), before);
    assert_eq!(report["problem"]["code"], "NF-418");
    let why = report["problem"]["why"].as_str().unwrap();
    let tried = "exit code 7: too bad (command /bin/sh -c echo too bad; exit 7 from the host, 1 attempt in ";
    assert!(why.starts_with(tried), "{why}");
    let found = &report["healthChecks"][0];
    assert_eq!(
        (&found["name"], &found["passed"], &found["attempts"]),
        (&json!("word"), &json!(false), &json!(1))
    );
    assert!(
        room.status()["healthChecks"]["results"][0]["passed"].as_bool().unwrap(),
        "those of the generation in force"
    );
}

#[test]
fn a_failed_check_that_only_stops_leaves_the_host_changed_and_failed() {
    for (on_failure, outcome) in [("stop", "failed"), ("continue", "partial")] {
        let room = Room::new();
        let closure = closure(&room, "new", &[command("word", "exit 1", on_failure)]);
        let report = room.applied(&closure, outcome);
        assert_eq!(room.read("/etc/word"), "new");
        assert_eq!(report["after"]["number"], 1);
        assert_eq!(report["problem"]["code"], "NF-418");

        // A second apply of this closure changes nothing, but still fails because of the check.
        assert_eq!(room.applied(&closure, outcome)["problem"]["code"], "NF-418");
    }
}

#[test]
fn going_back_and_force_stand_whatever_the_checks_find() {
    let room = Room::new();
    let old = closure(&room, "old", &[command("word", "test ! -e /dev/null", "rollback")]);
    let forced = room.run(&["apply", "--closure", &old, "--force", "health-checks"]);
    assert_eq!(forced.status.code(), Some(2), "{forced:?}");
    assert_eq!(room.read("/etc/word"), "old");
    room.applied(&closure(&room, "new", &[]), "ok");

    let report = room.rollback("1");

    assert_eq!(report["outcome"], "failed", "{report:#}");
    assert_eq!(room.read("/etc/word"), "old");
}

#[test]
fn a_check_is_tried_again_as_often_as_it_says() {
    let room = Room::new();
    let tries = room.path("/tries");
    let script = |enough: u32| {
        format!("echo x >> {path}; test $(wc -l < {path}) -ge {enough}", path = tries.display())
    };
    let again = |enough: u32| with(command("again", &script(enough), "rollback"), "retries", 3);
    let report = room.applied(&closure(&room, "a", &[again(4)]), "ok");
    assert_eq!(report["healthChecks"][0]["attempts"], 4);
    std::fs::remove_file(&tries).unwrap();
    let report = room.applied(&closure(&room, "b", &[again(5)]), "rolled-back");
    assert_eq!(report["healthChecks"][0]["attempts"], 4);
}

#[test]
fn an_attempt_ends_when_its_time_is_over_and_takes_its_children_along() {
    let room = Room::new();
    let mark = room.path("/mark");
    let script = format!("(sleep 3; touch {}) & sleep 60", mark.display());
    let slow = with(command("slow", &script, "rollback"), "timeout", 1);
    let report = room.applied(&closure(&room, "new", &[slow]), "rolled-back");
    assert_eq!(report["healthChecks"][0]["detail"], "it did not end within 1 s");
    assert!(report["durationMs"].as_u64().unwrap() < 20_000, "{report:#}");
}

#[test]
fn a_web_server_is_judged_by_status_headers_and_body() {
    let room = Room::new();
    let port = serve(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 12\r\nConnection: close\r\n\r\nhello world\n",
    );
    let tried = [
        (json!({}), "status 200"),
        (json!({ "status": 200, "bodyContains": "world", "bodyMatches": "^hel+o" }), "status 200"),
        (json!({ "responseHeaders": { "Content-Type": "text/html" } }), "status 200"),
        (json!({ "method": "HEAD" }), "status 200"),
        (json!({ "status": 204 }), "status 200, not 204"),
        (json!({ "bodyContains": "bye" }), "the body does not contain `bye`, but begins: hello world"),
        (json!({ "bodyMatches": "^world" }), "the body does not match `^world`, but begins: hello world"),
        (json!({ "responseHeaders": { "X-Up": "1" } }), "status 200, but there is no header x-up"),
        (
            json!({ "responseHeaders": { "Content-Type": "json" } }),
            "the header content-type is `text/html; charset=utf-8`, without `json`",
        ),
    ];
    let one = |(number, (expected, _)): (usize, &(Value, &str))| {
        check(&format!("c{number}"), "http", http(port, expected), "stop")
    };
    let checks: Vec<Value> = tried.iter().enumerate().map(one).collect();
    let report = room.applied(&closure(&room, "new", &checks), "failed");
    let found: Vec<&str> = report["healthChecks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["detail"].as_str().unwrap())
        .collect();
    assert_eq!(found, tried.iter().map(|(_, detail)| *detail).collect::<Vec<_>>());
}

#[test]
fn redirections_are_followed_as_far_as_allowed() {
    let room = Room::new();
    let end = serve("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    let location: &'static str = Box::leak(
        format!("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{end}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .into_boxed_str(),
    );
    let port = serve(location);
    let checks = [
        check("followed", "http", http(port, &json!({ "maxRedirects": 1 })), "stop"),
        check("not", "http", http(port, &json!({})), "stop"),
        check("wanted", "http", http(port, &json!({ "status": 302 })), "stop"),
    ];
    let report = room.applied(&closure(&room, "new", &checks), "failed");
    let found: Vec<&str> = report["healthChecks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["detail"].as_str().unwrap())
        .collect();
    let redirection = format!("status 302, not 200 to 299, a redirection to http://127.0.0.1:{end}/");
    assert_eq!(found, ["status 204", &redirection, "status 302"]);
}

#[test]
fn a_port_is_open_or_closed() {
    let room = Room::new();
    let open = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = open.local_addr().unwrap().port();
    let tcp =
        |name: &str, port: u16| check(name, "tcp", json!({ "host": "localhost", "port": port }), "stop");
    let report = room.applied(&closure(&room, "a", &[tcp("port", port)]), "ok");
    assert_eq!(report["healthChecks"][0]["detail"], format!("127.0.0.1:{port} accepts connections"));
    drop(open);
    let report = room.applied(&closure(&room, "b", &[tcp("port", port)]), "failed");
    assert!(report["problem"]["why"].as_str().unwrap().contains("refused"), "{report:#}");
}

#[test]
fn a_run_that_dies_while_checks_are_tried_ends_in_the_old_generation() {
    let room = Room::new();
    room.applied(&closure(&room, "old", &[]), "ok");
    let before = room.tree("/etc");
    // The check itself kills the run, because nothing else can kill the run at exactly this moment.
    let new = closure(&room, "new", &[command("word", "kill -9 $PPID; sleep 1", "rollback")]);
    let died = room.run(&["apply", "--closure", &new]);
    assert_eq!(died.status.code(), None, "{died:?}");
    assert_eq!(room.read("/etc/word"), "new", "it died behind the change");

    let recovered = room.run(&["recover"]);

    assert!(recovered.status.success(), "{recovered:?}");
    assert_eq!(room.tree("/etc"), before);
    assert_eq!(room.status()["current"]["number"], 1);
}

#[test]
fn checks_of_the_generation_in_force_are_tried_on_demand() {
    let room = Room::new();
    let flag = room.path("/flag");
    room.write("/flag", "");
    let script = format!("test -e {}", flag.display());
    room.applied(&closure(&room, "new", &[command("flag", &script, "rollback")]), "ok");
    assert!(room.run(&["health"]).status.success());
    std::fs::remove_file(flag).unwrap();

    let found = room.run(&["health", "--json"]);

    assert_eq!(found.status.code(), Some(2));
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!((&found["generation"]["number"], &found["results"][0]["passed"]), (&json!(1), &json!(false)));
    assert_eq!(room.status()["healthChecks"]["results"], found["results"]);
}

#[test]
fn a_plan_shows_a_change_of_the_health_checks_alone() {
    let room = Room::new();
    let closure = |name: &str, checks: &[Value]| {
        room.closure(name, &json!({ "files": [file("/etc/word", Some("same"))], "healthChecks": checks }))
    };
    let port = |port: u16| check("port", "tcp", json!({ "host": "localhost", "port": port }), "stop");
    let first = closure("first", &[command("word", "exit 0", "stop")]);
    let plan = room.plan(&first);
    assert_eq!(plan["checkChanges"]["added"][0]["name"], "word", "{plan:#}");
    room.applied(&first, "ok");
    assert_eq!(room.plan(&first).get("checkChanges"), None, "nothing changes");

    let other = closure("other", &[command("word", "exit 0", "rollback"), port(80)]);
    let plan = room.plan(&other);
    let steps: Vec<&Value> = plan["steps"].as_array().unwrap().iter().map(|step| &step["step"]).collect();
    assert_eq!(steps, ["switchProfile"]);
    assert_eq!(
        plan["checkChanges"],
        json!({
            "added": [{ "name": "port", "what": "localhost port 80 from the host, on failure: stop" }],
            "changed": [{ "name": "word", "what": "on failure stop → rollback" }],
        })
    );
    let text = room.plan_text(&other);
    assert!(text.contains("health check ~ word: on failure stop → rollback"), "{text}");

    let none = closure("none", &[]);
    assert_eq!(room.plan(&none)["checkChanges"]["removed"][0]["name"], "word");
}

#[test]
fn what_a_check_found_is_not_held_against_the_generation_that_came_meanwhile() {
    let room = Room::new();
    let new = closure(&room, "new", &[command("word", "exit 0", "stop")]);
    // The check applies another generation while the command `health` runs the check.
    let [flag, tree] = ["/flag", "/"].map(|path| room.path(path).display().to_string());
    let apply = format!("{PROGRAM} apply --closure {new} --root {tree} >/dev/null");
    let script = format!("test -e {flag} || exit 0; rm {flag}; {apply}; exit 1");
    room.applied(&closure(&room, "old", &[command("word", &script, "stop")]), "ok");
    room.write("/flag", "");
    assert_eq!(room.run(&["health"]).status.code(), Some(2));
    let known = &room.status()["healthChecks"];
    assert_eq!((&known["generation"]["number"], &known["results"][0]["passed"]), (&json!(2), &json!(true)));
}

#[test]
fn what_could_not_be_tried_cannot_be_built() {
    let room = Room::new();
    let both = with(command("both", "true", "stop"), "tcp", json!({ "host": "a", "port": 1 }));
    let checks = [
        both,
        check("bare", "command", json!(["true"]), "stop"),
        check("port", "tcp", json!({ "host": "-x", "port": 80 }), "stop"),
        check("regex", "http", http(80, &json!({ "bodyMatches": "(" })), "stop"),
        check("url", "http", http(80, &json!({ "url": "ftp://a/" })), "stop"),
        check("header", "http", http(80, &json!({ "requestHeaders": { "A b": "c" } })), "stop"),
        with(command("long", "true", "stop"), "retries", 100_000),
        command("twice", "true", "stop"),
        command("twice", "true", "stop"),
    ];
    let mut intent = empty_intent();
    intent["healthChecks"] = json!(checks);
    let refused = build(&intent, &room.path("/"));
    assert_eq!(refused.status.code(), Some(1));
    expect_test::expect![[r#"
        error: [NF-203] exactly one of `unit`, `http`, `tcp` and `command` must be set
          where: nixfleet.healthChecks.both
        error: [NF-203] path `true` is not absolute
          where: nixfleet.healthChecks.bare.command
        error: [NF-203] `-x` port 80 is not a valid address
          where: nixfleet.healthChecks.port.tcp
          help: set a host and a port from 1 to 65535
        error: [NF-203] regular expression `(` is not valid: found open group without closing ')'
          where: nixfleet.healthChecks.regex.http.bodyMatches
        error: [NF-203] URL `ftp://a/` does not begin with http:// or https://
          where: nixfleet.healthChecks.url.http.url
        error: [NF-203] `A b: c` is not a valid HTTP header
          where: nixfleet.healthChecks.header.http.requestHeaders
        error: [NF-203] this check could take 600005 s to fail, but a change waits for a check at most 1800 s
          where: nixfleet.healthChecks.long
          help: reduce `timeout`, `interval` or `retries`
        error: [NF-203] `twice` is defined twice
          where: nixfleet.healthChecks.twice
    "#]]
    .assert_eq(&String::from_utf8(refused.stderr).unwrap());
}
