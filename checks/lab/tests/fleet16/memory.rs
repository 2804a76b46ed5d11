//! Parts of the rollout test about the records of changes on hosts and on the operator's machine, and about
//! notifications.

use std::time::Duration;

use nixfleet_lab::command::wait_until;
use serde_json::Value;

use super::Fleet16;
use crate::stage::{assert_says, outcomes, outcomes_of};

/// Each host records its own changes, with the user and the machine that made them.
pub fn a_host_remembers_its_changes_itself(fleet: &Fleet16) {
    let (finished, document) = fleet.json("status --host db-01 --host web-01");
    assert!(finished.ok(), "{finished}");
    let runs = |host: usize| {
        let last = &document["hosts"][host]["status"]["last"];
        let run = |run: &Value| {
            let said = ["command", "who", "outcome"].map(|name| run[name].as_str().unwrap().to_owned());
            (said.join(" "), run["before"].as_u64(), run["after"].as_u64())
        };
        last["earlier"].as_array().unwrap().iter().map(run).collect::<Vec<_>>()
    };
    assert_eq!(runs(0).last().unwrap(), &("apply ada@operator ok".to_owned(), None, Some(1)), "{document:#}");
    let web = runs(1);
    assert!(web.iter().any(|(said, ..)| said == "apply ada@operator rolled-back"), "{web:?}");
    assert!(web.iter().any(|(said, ..)| said == "rollback ada@operator ok"), "{web:?}");
    let shown = fleet.types("status -v --host web-01");
    assert_says(&shown, 0, &["last run: apply by eve@operator", "before that: rollback by ada@operator, "]);
}

/// The hosts continue without the killed command. The history reports the outcomes of these hosts as unknown.
pub fn a_killed_command_is_told_as_interrupted(fleet: &Fleet16) {
    let before = fleet.version("db-01");
    let rollout = killed_while_it_changes_a_host(fleet, "17");
    let (finished, document) = fleet.json(&format!("rollback --yes --rollout {rollout}"));
    assert!(finished.ok(), "{finished}");
    assert_eq!(outcomes(&document), outcomes_of([("db-01", "ok")]), "{finished}");
    assert_eq!(fleet.version("db-01"), before);

    killed_while_it_changes_a_host(fleet, "7");
    let told = fleet.told_of("ada");
    let (finished, document) = fleet.json("apply --yes --resume");
    assert!(finished.ok(), "{finished}");
    assert_eq!(document["rollout"]["id"], told["id"]);
    let shown = fleet.types(&format!("history show {}", told["id"].as_str().unwrap()));
    assert_says(&shown, 0, &["see also", "apply --yes --resume"]);
}

/// Releases a version, and kills the command that applies it while a host changes. The host continues.
/// Returns the id of the rollout.
fn killed_while_it_changes_a_host(fleet: &Fleet16, version: &str) -> String {
    fleet.releases(version);
    fleet.host("db-01").ask("touch /run/held").unwrap();
    let finished = fleet.meanwhile("apply --yes --no-confirm --host db-01 --host web-03", || {
        fleet.wait_until_held("db-01");
        assert_eq!(fleet.told_of("ada")["state"], "running");
        fleet.operator().ask("pkill --signal KILL --exact nixfleet").unwrap();
    });
    assert_ne!(finished.code, 0, "{finished}");
    fleet.host("db-01").ask("rm /run/held").unwrap();
    let told = fleet.told_of("ada");
    assert_eq!((&told["state"], &told["ended"]), (&"interrupted".into(), &Value::Null), "{told:#}");
    assert_eq!(told["hosts"][0]["host"], "db-01");
    assert_eq!((&told["hosts"][0]["begun"], &told["hosts"][0]["outcome"]), (&true.into(), &Value::Null));
    let shown = fleet.types("history show last");
    assert_says(&shown, 0, &["interrupted: ", "unknown", "how hosts stand: nixfleet status"]);
    let over = || Ok(fleet.host("db-01").ask("systemctl list-units --quiet 'nixfleet-run-*'")?.is_empty());
    wait_until("the host is done", Duration::from_secs(60), over).unwrap();
    assert_eq!(fleet.version("db-01"), version, "it went on without the command");
    told["id"].as_str().unwrap().to_owned()
}

/// The history contains no secret from a file, from the arguments of a command or from its output.
pub fn no_secret_is_remembered(fleet: &Fleet16) {
    let secret = "hunter2-in-a-file";
    let file = format!("{{ nixfleet.files.\"/etc/secret\".text = \"{secret}\"; }}");
    fleet.says(&format!("{{ hosts.web-04.modules = [ {file} ]; }}"));
    assert_says(&fleet.types("plan --host web-04"), 0, &[secret]);
    assert_says(&fleet.types("apply --yes --host web-04"), 0, &["1 ok"]);
    let run =
        fleet.types("run --host web-04 -- sh -c 'cat /etc/secret; echo hunter2-in-an-argument; exit 3'");
    assert_says(&run, 2, &[secret, "hunter2-in-an-argument"]);
    let told = fleet.told_of("ada");
    assert_eq!((&told["hosts"][0]["outcome"], &told["hosts"][0]["exitCode"]), (&"failed".into(), &3.into()));
    assert_eq!(told["arguments"].to_string(), r#"["--host","web-04","--","sh","…"]"#);
    let found =
        fleet.operator().sh("grep --recursive --text hunter2 /home/ada/.local/state/nixfleet").unwrap();
    assert_eq!((found.code, found.stdout.as_str()), (1, ""), "{found}");
}

/// First, the history is read-only. Then, it is damaged. An apply works in both cases.
pub fn a_history_that_cannot_be_written_stops_nobody(fleet: &Fleet16) {
    fleet.releases("8");
    let history = "/home/ada/.local/state/nixfleet/history";
    let (before, ask) = (fleet.told_of("ada"), |line: &str| fleet.operator().ask(line).unwrap());
    ask(&format!("chmod 0500 {history} && chmod 0400 {history}/history.db"));
    let finished = fleet.types("apply --yes --host web-05");
    assert_says(&finished, 0, &["1 ok", "warning: this command is missing from the history", "NF-1"]);
    ask(&format!("chmod 0700 {history} && chmod 0600 {history}/history.db"));
    assert_eq!(fleet.told_of("ada"), before);

    ask(&format!(
        "cp {history}/history.db /root/whole && dd if=/dev/urandom of={history}/history.db bs=4k count=4"
    ));
    let finished = fleet.types("apply --yes --host web-06");
    assert_says(
        &finished,
        0,
        &["1 ok", "warning: this command is missing from the history", "NF-105", "mv "],
    );
    assert_says(&fleet.types("history"), 1, &["NF-105", "file is not a database"]);
    ask(&format!("cat /root/whole > {history}/history.db"));
}

/// One recipient is a program that records the notifications. The other recipient is an address on which no
/// server listens. A resumed rollout notifies the recipients that the fleet had when the rollout was planned.
pub fn others_are_told_and_hold_nobody_up(fleet: &Fleet16) {
    fleet.releases("9");
    fleet.says(
        "{ notifications.log = { kind = \"command\"; command = [ \"tee\" \"-a\" \"/home/ada/told\" ]; }; \
         notifications.broken = { kind = \"webhook\"; url = \"http://127.0.0.1:9/\"; on = [ \"start\" ]; }; }",
    );
    fleet.host("web-08").ask("touch /run/blocked-9").unwrap();
    let finished = fleet.types("apply --yes --events --host web-07 --host web-08 --strategy all-at-once");
    assert_eq!(finished.code, 2, "{finished}");
    assert!(finished.stdout.contains("the notification broken was not delivered: "), "{finished}");
    assert!(finished.stdout.trim_end().lines().last().unwrap().contains("commandEnded"), "{finished}");
    fleet.host("web-08").ask("rm /run/blocked-9").unwrap();
    fleet.says("{ }");
    let finished = fleet.types("apply --yes --resume");
    assert_says(&finished, 0, &["2 ok", "warning: the notification broken was not delivered: "]);

    let told = fleet.operator().files().unwrap().text("/home/ada/told").unwrap();
    let told = serde_json::Deserializer::from_str(&told).into_iter::<Value>();
    let told: Vec<Value> = told.map(Result::unwrap).collect();
    let words: Vec<_> = told.iter().map(|one| (one["event"].as_str().unwrap(), &one["resumed"])).collect();
    let (no, yes) = (&false.into(), &true.into());
    assert_eq!(words, [("start", no), ("pause", no), ("start", yes), ("success", yes)]);
    assert_eq!(told[1]["failed"][0]["host"], "web-08");
    assert!(told.iter().all(|one| one["rollout"] == told[0]["rollout"]));
}
