//! Tests of the removal of data that a host no longer needs. Rollbacks must still work afterwards.

use nixfleet_lab::snapshot::Snapshot;
use serde_json::{Value, json};

use crate::stage::role::Stage;
use crate::stage::{assert_says, outcomes, outcomes_of};

const PATH: &str = "/etc/story.conf";

/// Returns a host with six generations, a backup of an original file, and backups of two hand edits.
fn used() -> Stage {
    let stage = Stage::fresh();
    stage.web().sh(&format!("echo 'stood there' >{PATH}")).unwrap().success().unwrap();
    for version in 1..=6 {
        if version == 3 || version == 5 {
            stage.web().sh(&format!("echo 'by hand before {version}' >{PATH}")).unwrap().success().unwrap();
        }
        let conf = json!({ "text": format!("version {version}\n"), "onConflict": "backup" });
        // A large file makes the garbage collection of the store measurable.
        let ballast = json!({ "text": format!("{version}\n").repeat(500_000) });
        stage.declares(&json!({ "files": { PATH: conf, "/etc/ballast": ballast } }));
        stage.types("nixfleet apply --yes --host web-1").success().unwrap();
    }
    stage
}

fn generations(stage: &Stage) -> String {
    let listed = "ls /nix/var/nix/profiles/nixfleet | sed -n 's/^system-\\(.*\\)-link$/\\1/p' | sort -n";
    stage.web().ask(&format!("{listed} | paste -s -d ,")).unwrap()
}

fn json_of(stage: &Stage, line: &str) -> Value {
    let finished = stage.types(line);
    assert!(finished.ok(), "{finished}");
    let document: Value = serde_json::from_str(&finished.stdout).unwrap();
    document["hosts"][0].clone()
}

/// The parts of this test run in order on one host.
#[test]
fn a_host_gets_rid_of_what_nobody_needs() {
    let stage = used();
    generations_go_as_they_were_shown(&stage);
    backups_are_looked_at_and_dropped(&stage);
    nothing_of_a_backup_is_remembered(&stage);
}

fn generations_go_as_they_were_shown(stage: &Stage) {
    let first = stage.web().ask("readlink /nix/var/nix/profiles/nixfleet/system-1-link").unwrap();
    let before = Snapshot::take(stage.web()).unwrap();
    stage.edits(
        "fleet.nix",
        "addr = \"web-1\";",
        "addr = \"web-1\"; pin = { generation = 2; reason = \"it worked\"; };",
    );
    let plan = stage.types("nixfleet gc --host web-1 --keep 1 --dry-run");
    assert_says(&plan, 0, &["1, 3–4", "2, 5–6", "generation 2 stays: pinned in the inventory"]);
    assert_says(
        &stage.types("nixfleet gc --host web-1 --keep 1"),
        1,
        &["NF-101", "add --yes to this command", "use --dry-run instead"],
    );
    let difference = before.difference(&Snapshot::take(stage.web()).unwrap());
    assert!(difference.is_empty(), "a plan changes nothing:\n{difference}");

    let line = "nixfleet gc --host web-1 --keep 1 --collect --yes --json";
    let host = json_of(stage, line);
    assert_eq!(host["outcome"], "ok", "{host:#}");
    let report = &host["gc"]["report"];
    assert_eq!(report["dropped"].as_array().unwrap().len(), 3, "{report:#}");
    assert!(report["collected"]["freed"].as_u64().unwrap() > 2_000_000, "{report:#}");
    assert_eq!(generations(stage), "2,5,6");
    assert!(!stage.web().sh(&format!("test -e {first}")).unwrap().ok(), "{first} is still in the store");
    let again = stage.types("nixfleet gc --host web-1 --keep 1 --yes");
    assert_says(&again, 0, &["nothing", "1 unchanged"]);

    // The previous generation and the pinned generation are still complete, so rollbacks to them succeed.
    for to in ["previous", "2"] {
        stage.types(&format!("nixfleet rollback --host web-1 --to {to} --yes")).success().unwrap();
    }
    assert_eq!(stage.web().ask(&format!("cat {PATH}")).unwrap(), "version 2");
    stage.types("nixfleet rollback --host web-1 --to 6 --yes").success().unwrap();
    assert_says(&stage.types("nixfleet history"), 0, &["gc --host web-1 --keep 1 --collect"]);
}

fn backups_are_looked_at_and_dropped(stage: &Stage) {
    let list = stage.types("nixfleet backups list --host web-1 --path /etc");
    assert_says(
        &list,
        0,
        &[PATH, "hand edit", "original", "restored when the path is no longer managed", "3 backups"],
    );
    let show = |flags: &str| stage.types(&format!("nixfleet backups show web-1 {PATH} {flags}"));
    let newest = show("");
    assert_eq!(newest.stdout, "by hand before 5\n");
    assert!(newest.stderr.contains("--generation 3") && newest.stderr.contains("--original"), "{newest}");
    assert_eq!(show("--generation 3").stdout, "by hand before 3\n");
    assert_eq!(show("--original").stdout, "stood there\n");
    assert_says(&show("--generation 4"), 2, &["NF-405", "the host has other backups of this path"]);

    let drop = |flags: &str| stage.types(&format!("nixfleet backups drop --host web-1 {flags}"));
    assert_says(&drop(""), 1, &["--all", "--older-than"]);
    assert_says(&drop("--older-than 1d --yes"), 0, &["No backups.", "1 unchanged"]);
    assert_says(&drop("--all --dry-run"), 0, &["2 backups", "stays:", "--original /etc/story.conf"]);
    let host = json_of(stage, "nixfleet backups drop --host web-1 --all --yes --json");
    assert_eq!(
        (&host["outcome"], host["backups"]["report"]["dropped"].as_array().unwrap().len()),
        (&json!("ok"), 2)
    );
    assert_says(&stage.types("nixfleet backups list --host web-1"), 0, &["1 backup,", "original"]);
    assert_eq!(stage.web().ask("find /var/lib/nixfleet/kept -type f").unwrap(), "");

    assert_says(&drop(&format!("--original {PATH} --yes")), 0, &["1 ok"]);
    assert_says(&stage.types("nixfleet backups list --host web-1"), 0, &["No backups."]);
    let (finished, document) = stage.types_for_json("nixfleet plan --json --host web-1");
    assert!(finished.ok(), "{finished}");
    assert_eq!(outcomes(&document), outcomes_of([("web-1", "skipped")]), "it is pinned");
}

fn nothing_of_a_backup_is_remembered(stage: &Stage) {
    assert_says(&stage.types("nixfleet history --json"), 0, &["backups"]);
    let found = stage.types("grep -rlE 'by hand|stood there' ~/.local/state/nixfleet");
    assert_eq!((found.code, found.stdout.as_str()), (1, ""), "{found}");
}
