//! Tests of the commands that run when a file changes (`onChange`).

use serde_json::{Value, json};

use crate::stage::role::Stage;
use crate::stage::{assert_says, outcomes, outcomes_of};

/// A script that compiles `/etc/aliases`, unless an alias is wrong, and records each of its runs.
const MAKE: &str = "#!/bin/sh
set -eu
echo ran >> /run/made
cd /etc
if [ ! -e aliases ]; then rm -f aliases.db; exit; fi
if grep --quiet wrong aliases; then echo 'aliases: line 1: wrong' >&2; exit 75; fi
cp --preserve=all aliases aliases.db
";

/// Returns a service that reads the compiled file once, when it starts.
fn mail() -> Value {
    json!({ "sections": {
        "Service": {
            "Type": "exec",
            "RuntimeDirectory": "mail",
            "ExecStartPre": "/usr/bin/cp /etc/aliases.db /run/mail/in-force",
            "ExecStart": "/usr/bin/sleep infinity",
        },
        "Install": { "WantedBy": "multi-user.target" },
    } })
}

fn aliases(text: &str, command: &[&str]) -> Value {
    json!({ "text": text, "restartUnits": ["mail.service"], "onChange": command })
}

fn role(text: &str, more: &Value) -> Value {
    let mut files = json!({
        "/etc/aliases": aliases(text, &["/usr/local/bin/make-aliases"]),
        "/etc/aliases.d/more": aliases(text, &["/usr/local/bin/make-aliases"]),
        "/usr/local/bin/make-aliases": { "text": MAKE, "mode": "0755" },
    });
    files.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "files": files, "systemd": { "units": { "mail.service": mail() } } })
}

/// Returns how often the command has run since the last call of this function.
fn runs(stage: &Stage) -> usize {
    stage.web().ask("cat /run/made 2>/dev/null || true; rm -f /run/made").unwrap().lines().count()
}

#[test]
fn a_command_of_a_changed_file_runs_once_between_the_files_and_the_units() {
    let stage = Stage::set();
    // The command is installed by the same change that uses it.
    stage.declares(&role("one\n", &json!({})));
    let plan = stage.types("nixfleet plan --host web-1");
    assert_says(
        &plan,
        0,
        &["commands", "run /usr/local/bin/make-aliases", "/etc/aliases and 1 more changed"],
    );
    assert_eq!(runs(&stage), 0, "a plan runs nothing");
    stage.applies();
    assert_eq!(runs(&stage), 1);
    assert_eq!(stage.web().ask("cat /run/mail/in-force").unwrap(), "one");

    stage.declares(&role("two\n", &json!({})));
    stage.applies();
    assert_eq!((runs(&stage), stage.web().ask("cat /run/mail/in-force").unwrap().as_str()), (1, "two"));
    stage.types("nixfleet rollback --yes --host web-1").success().unwrap();
    assert_eq!((runs(&stage), stage.web().ask("cat /run/mail/in-force").unwrap().as_str()), (1, "one"));

    // If the source file is removed, the command removes the compiled file.
    stage.declares(&json!({
        "files": { "/usr/local/bin/make-aliases": { "text": MAKE, "mode": "0755" } },
    }));
    stage.applies();
    assert_eq!(runs(&stage), 1);
    assert!(!stage.web().files().unwrap().exists("/etc/aliases.db"));
}

#[test]
fn a_command_that_fails_undoes_the_change_and_runs_again_with_the_files_as_they_were() {
    let stage = Stage::set();
    stage.declares(&role("one\n", &json!({})));
    stage.applies();
    runs(&stage);

    // The command fails in the middle of a change, after another command that succeeded.
    let before = json!({ "/etc/before": { "text": "x", "onChange": ["/bin/true", "--first"] } });
    stage.declares(&role("wrong\n", &before));
    stage.fails(
        "rolled-back",
        "NF-422",
        &["/usr/local/bin/make-aliases", "exit code 75", "aliases: line 1: wrong"],
    );
    assert_eq!(runs(&stage), 2, "there and back");

    // The command succeeds, and the change is undone because of a later failure.
    let mut unhealthy = role("two\n", &json!({}));
    unhealthy["healthChecks"] = json!({ "no": { "command": ["/bin/false"], "retries": 0 } });
    stage.declares(&unhealthy);
    stage.fails("rolled-back", "NF-418", &["health check no failed"]);
    assert_eq!(runs(&stage), 2, "there and back");
    assert_eq!(stage.web().ask("cat /run/mail/in-force").unwrap(), "one");

    // A command that fails while a change is undone does not stop the undo, and its failure is reported.
    stage.declares(&role(
        "one\n",
        &json!({ "/etc/odd": { "text": "1", "onChange": ["/usr/bin/test", "-e", "/run/odd"] } }),
    ));
    stage.web().ask("touch /run/odd").unwrap();
    stage.applies();
    stage.declares(&role("one\n", &json!({ "/etc/odd": { "text": "2", "onChange": ["/bin/false"] } })));
    stage.web().ask("rm /run/odd").unwrap();
    let failed = stage.fails("rolled-back", "NF-422", &["/bin/false", "exit code 1"]);
    assert!(
        failed.stdout.contains("/usr/bin/test -e /run/odd failed after the files were restored"),
        "{failed}"
    );
}

#[test]
fn a_program_that_is_nowhere_is_known_before() {
    let stage = Stage::set();
    let named = |command: &[&str], more: &Value| {
        let mut files = json!({ "/etc/aliases": { "text": command.concat(), "onChange": command } });
        files.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        stage.declares(&json!({ "files": files }));
    };
    let cases = [
        ("/usr/sbin/newaliasess", json!({}), "No such file"),
        ("/etc", json!({}), "is not a file"),
        ("/etc/passwd", json!({}), "is not executable"),
        ("/srv/make", json!({ "/srv/make": { "text": "#!/bin/sh\n" } }), "gets mode 0644"),
    ];
    for (program, more, saying) in cases {
        named(&[program], &more);
        let plan = stage.types("nixfleet plan --host web-1");
        let option = "nixfleet.files.\"/etc/aliases\".onChange";
        assert_says(&plan, 2, &["NF-422", program, saying, option]);
        stage.fails("blocked", "NF-422", &[program]);
    }
    // A program that the same change installs exists in time. If the program is removed together with the
    // file that names it, the command does not run.
    named(&["/srv/make"], &json!({ "/srv/make": { "text": "#!/bin/sh\n", "mode": "0755" } }));
    stage.applies();
    named(&["/srv/make", "again"], &json!({}));
    stage.fails("blocked", "NF-422", &[]);
    stage.declares(&json!({}));
    let plan = stage.types("nixfleet plan --host web-1");
    assert_says(&plan, 0, &["/etc/aliases: /srv/make cannot be run: /srv/make is removed by the change"]);
    stage.applies();
}

/// A failed command does not undo a rollback.
#[test]
fn a_command_that_fails_in_a_rollback_leaves_it_as_it_is() {
    let stage = Stage::set();
    let odd = |text: &str| {
        let command = ["/usr/bin/test", "-e", "/run/odd"];
        json!({ "files": { "/etc/odd": { "text": text, "onChange": command } } })
    };
    stage.web().ask("touch /run/odd").unwrap();
    stage.declares(&odd("1"));
    stage.applies();
    stage.declares(&odd("2"));
    stage.applies();
    stage.web().ask("rm /run/odd").unwrap();
    let back = stage.types("nixfleet rollback --yes --json --host web-1");
    assert_says(&back, 2, &["NF-422", "/usr/bin/test -e /run/odd"]);
    let document: Value = serde_json::from_str(&back.stdout).unwrap();
    assert_eq!(outcomes(&document), outcomes_of([("web-1", "failed")]));
    assert_eq!(stage.web().ask("cat /etc/odd").unwrap(), "1");
}

/// The output of a failed command is shown in reports, in the history and in logs of CI, so it must not
/// contain secrets.
#[test]
fn a_command_that_fails_tells_nobody_what_only_its_owner_may_read() {
    let stage = Stage::set();
    let leak = |text: &str| {
        let command = json!(["/bin/sh", "-c", "echo cannot read: $(cat /etc/secret) >&2; exit 1"]);
        json!({ "files": { "/etc/secret": { "text": text, "mode": "0600", "onChange": command } } })
    };
    stage.declares(&leak("password=hunter2"));
    let failed = stage.fails("rolled-back", "NF-422", &["exit code 1: cannot read: "]);
    let said = format!("{}{}", failed.stdout, failed.stderr);
    assert!(!said.contains("hunter2"), "{failed}");
}
