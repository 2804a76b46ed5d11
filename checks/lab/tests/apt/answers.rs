//! Tests of the answers to questions of debconf, of the space that packages need, and of the progress while a
//! host waits for apt.

use std::time::Duration;

use nixfleet_lab::command::wait_until;
use serde_json::{Value, json};

use super::failures::{problem, with_failing_unit};
use super::{Package, Stage, app, installed, library, role};

const LIMIT: Duration = Duration::from_secs(60);

/// Writes the answers into a file, as many packages do.
const ASKS: &str = ". /usr/share/debconf/confmodule\n\
                    for question in mode port words; do db_get asks/$question; echo \"$question=$RET\"; done \
                    >/etc/asks.conf\n";
const CONFIG: &str = "#!/bin/sh\nset -e\n. /usr/share/debconf/confmodule\n\
                      for question in mode port words; do db_input high asks/$question || true; done\ndb_go\n";
const TEMPLATES: &str = "Template: asks/mode\nType: select\nChoices: Internet Site, Smart Host\n\
                         Default: Smart Host\nDescription: mode\n\n\
                         Template: asks/port\nType: string\nDefault: 80\nDescription: port\n\n\
                         Template: asks/words\nType: multiselect\nChoices: a, b, c\nDefault: a\n\
                         Description: words\n";

/// A package that asks three questions.
fn asks(version: &'static str) -> Package {
    Package {
        name: "asks",
        version,
        control: "Depends: debconf\n",
        files: vec![("DEBIAN/config", 0o755, CONFIG), ("DEBIAN/templates", 0o644, TEMPLATES)],
        postinst: ASKS,
        ..Package::default()
    }
}

fn answers(port: &str) -> Value {
    json!({ "apt": { "packages": { "asks": { "debconf": {
        "asks/mode": { "type": "select", "value": "Internet Site" },
        "asks/port": { "type": "string", "value": port },
        "asks/words": { "type": "multiselect", "value": "b,c" },
    } } } } })
}

#[test]
fn a_package_is_configured_with_the_declared_answers_and_later_ones_wait_for_its_upgrade() {
    let stage = Stage::set();
    stage.publishes(&[asks("1.0")]);
    stage.declares(&answers("8080 ü"));
    let plan = stage.types("nixfleet plan --role web");
    for text in
        ["asks: answer to asks/port: \"8080 ü\"", "answer to asks/mode: \"Internet Site\"", "needs on /"]
    {
        assert!(plan.stdout.contains(text), "nothing says `{text}`:\n{plan}");
    }
    stage.applies("ok");
    for host in stage.hosts() {
        let written = "mode=Internet Site\nport=8080 ü\nwords=b, c";
        assert_eq!(host.ask("sed 's/b,c/b, c/' /etc/asks.conf").unwrap(), written, "{}", host.name());
    }
    stage.applies("unchanged");

    // The package is installed. Its new answer is set and reported, and the package itself does not change.
    stage.declares(&answers("9090"));
    let plan = stage.types("nixfleet plan --role web");
    let line = "\"8080 ü\" → \"9090\", used when the package is next upgraded or reconfigured";
    assert!(plan.stdout.contains(line), "{plan}");
    let document = stage.applies("ok");
    let notes = document["hosts"][0]["report"]["notes"].to_string();
    assert!(notes.contains("dpkg-reconfigure --frontend=noninteractive asks"), "{document:#}");
    for host in stage.hosts() {
        assert!(host.ask("debconf-show asks").unwrap().contains("* asks/port: 9090"));
        assert!(host.ask("cat /etc/asks.conf").unwrap().contains("port=8080 ü"));
    }
    stage.applies("unchanged");

    // Somebody changes the answer on a host. The next apply sets it again.
    for host in stage.hosts() {
        host.ask("echo asks asks/port string 1 | debconf-set-selections").unwrap();
    }
    let status = stage.types("nixfleet status --role web");
    assert!(status.stdout.contains("package asks: answer to asks/port: 9090 → 1"), "{status}");
    stage.applies("ok");

    // The upgrade uses the answer.
    stage.publishes(&[asks("2.0")]);
    let mut upgrade = answers("9090");
    upgrade["apt"]["packages"]["asks"]["version"] = "2.0".into();
    stage.declares(&upgrade);
    stage.applies("ok");
    for host in stage.hosts() {
        assert!(host.ask("cat /etc/asks.conf").unwrap().contains("port=9090"));
    }
}

#[test]
fn packages_that_need_more_room_than_there_is_are_refused_with_the_numbers() {
    let stage = Stage::set();
    // 64 TiB.
    let large = Package {
        name: "large",
        version: "1.0",
        control: "Installed-Size: 68719476736\n",
        ..Package::default()
    };
    stage.publishes(&[large]);
    stage.declares(&json!({ "apt": { "packages": ["large"] } }));
    let plan = stage.types("nixfleet plan --role web");
    assert!(plan.stdout.contains("apt needs more space than / has"), "{plan}");
    assert!(plan.stdout.contains("the packages need 67108"), "{plan}");
    let document = stage.applies("blocked");
    for (host, name) in stage.hosts().into_iter().zip(stage.names()) {
        assert_eq!(problem(&document, name)["code"], "NF-411", "{document:#}");
        assert!(!installed(host, "large"));
        assert_eq!(host.sh("ls /var/cache/apt/archives/*.deb").unwrap().stdout, "");
    }
    let (_, document) = stage.types_for_json("nixfleet plan --json --role web");
    let space = &document["hosts"][0]["plan"]["apt"]["space"][0];
    assert_eq!(space["path"], "/", "{document:#}");
    assert!(space["bytes"].as_u64() > space["freeBytes"].as_u64(), "{space}");
}

#[test]
fn a_wait_for_the_lock_of_apt_is_shown_with_its_holder() {
    let stage = Stage::set_on(&["web-1"]);
    stage.declares(&role());
    let web = stage.host("web-1");
    let hold = "import fcntl, time; f = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); time.sleep(600)";
    web.ask(&format!("systemd-run --quiet --collect --unit=holder python3 -c \"{hold}\"")).unwrap();
    let operator = stage.0.operator().unwrap();
    let line = "nixfleet apply --yes --host web-1 --events >events.jsonl 2>lines.txt";
    let mut apply = operator.typed(line).unwrap().into_command().spawn().unwrap();
    let files = operator.guest().files().unwrap();
    let text = |name: &str| files.text(&format!("/home/ada/fleet/{name}")).unwrap_or_default();
    wait_until("the wait is shown", LIMIT, || Ok(text("events.jsonl").contains("hostAwaitsApt"))).unwrap();
    web.ask("systemctl stop holder").unwrap();
    assert!(apply.wait().unwrap().success(), "{}", text("lines.txt"));
    let events = text("events.jsonl");
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let waits: Vec<_> = events.iter().filter(|event| event["event"] == "hostAwaitsApt").collect();
    assert_eq!(waits.len(), 2, "{waits:#?}");
    assert_eq!((&waits[0]["host"], &waits[0]["holder"]["name"]), (&json!("web-1"), &json!("python3")));
    assert!(waits[0]["holder"]["since"].is_u64() && waits[1]["holder"].is_null(), "{waits:#?}");
    let process = &waits[0]["holder"]["process"];
    let line = format!("web-1: waits for apt: {process} python3 since ");
    assert!(text("lines.txt").contains(&line), "{}", text("lines.txt"));
}

#[test]
fn the_command_that_a_failed_change_offers_removes_the_new_packages() {
    let stage = Stage::set();
    stage.declares(&json!({}));
    stage.applies("ok");
    stage.declares(&with_failing_unit(role()));
    let document = stage.applies("partial");
    for (host, entry) in stage.hosts().into_iter().zip(document["hosts"].as_array().unwrap()) {
        assert_eq!(entry["reasonCode"], "apt-forward-only", "{entry:#}");
        let notes = entry["report"]["notes"].as_array().unwrap();
        let done = "nothing undoes what apt did: installed app 1.0, installed libapp 1.0";
        assert_eq!(notes[0], done, "{notes:#?}");
        let offer = notes[1].as_str().unwrap();
        let command = offer.strip_prefix("to remove the new packages, carry out another plan: ").unwrap();
        assert!(command.starts_with(&format!("nixfleet rollback {} --to ", host.name())), "{command}");
        let plan = stage.types(&format!("{command} --dry-run"));
        assert!(plan.stdout.contains("app 1.0  removed"), "{plan}");
        assert!(installed(host, "app"));
        stage.types(&format!("{command} --yes")).success().unwrap();
        assert!(!installed(host, "app") && !installed(host, "libapp"), "{}", host.name());
        assert_eq!(host.sh("ls -d /etc/systemd/system/app.service.d").unwrap().stdout, "");
    }
    let status = stage.types("nixfleet status --role web");
    assert!(!status.stdout.contains("does not start before"), "{status}");
    stage.declares(&json!({}));
    stage.applies("unchanged");
    // A rollback without `--force packages` changes no packages.
    stage.publishes(&[app("1.0"), library()]);
    stage.declares(&role());
    stage.applies("ok");
    let plan = stage.types("nixfleet rollback --role web --dry-run");
    assert!(plan.stdout.contains("a rollback changes no package"), "{plan}");
}
