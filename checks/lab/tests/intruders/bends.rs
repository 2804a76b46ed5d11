//! Tests of attacks that modify the path to a managed file, or pretend to be another program.

use serde_json::{Value, json};

use super::{apply, begins, stage};

/// The first lines of each attack. They wait until the change has written a file in mallory's directory. The
/// next lines then modify the path to that file.
const BENDS: &str = r#"use Socket; chdir '/home/mallory';
for (;;) { open(F, '<', 'app/conf'); $_ = <F>; close F; last if /2/; select(undef, undef, undef, 0.005); }
"#;
/// The attacks, each with its name. `activator/tests/it/attackers.rs` tries more attacks.
const WAYS: [(&str, &str); 5] = [
    ("a link in place of her directory", "rename('app', 'kept'); symlink('/etc', 'app');"),
    (
        "a socket in its place",
        "rename('app', 'kept'); socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un('app'));",
    ),
    ("all may write to her directory", "chmod(0777, 'app');"),
    ("nothing in its place", "rename('app', 'kept');"),
    (
        "all of that, again and again",
        "symlink('/etc', 'link'); open(F, '>', '/home/mallory/acted'); close F;
        for (;;) { rename('app', 'kept'); rename('link', 'app'); rename('app', 'link'); rename('kept', 'app'); chmod(0777, 'app'); chmod(0755, 'app'); }",
    ),
];

/// Only paths in mallory's directories may fail to be restored. All other paths are restored, and the next
/// change is not blocked.
#[test]
fn who_bends_the_way_to_her_file_keeps_no_change_from_being_undone() {
    let stage = stage();
    let wanted = |text: &str, mode: &str, checks: Value| {
        json!({
            "directories": { "/home/mallory/app": { "owner": "mallory", "group": "mallory", "mode": mode } },
            "files": {
                "/home/mallory/app/conf": { "text": text, "owner": "mallory", "group": "mallory" },
                "/etc/fix": { "text": text },
            },
            "healthChecks": checks,
        })
    };
    let hers = "/home/mallory/app,/home/mallory/app/conf";
    let clear =
        "systemctl stop attack 2>/dev/null; cd /home/mallory && rm -rf app kept link acted; chmod 755 .";
    let etc = "stat --format '%n %a %U %i' /etc /etc/passwd; ls /etc | grep conf$";
    let before = stage.web().ask(etc).unwrap();
    for (number, (name, act)) in WAYS.iter().enumerate() {
        stage.web().ask(clear).unwrap();
        stage.declares(&wanted("1", "0755", json!({})));
        let (outcome, result) = apply(&stage, "");
        assert_eq!(outcome, "ok", "{name}: {result:#}");
        begins(&stage, "attack", &format!("{BENDS}{act}\nopen(F, '>', '/home/mallory/acted'); sleep 1000;"));
        let down = json!({ "down": { "tcp": { "port": 81 }, "retries": 1 } });
        // Every second change affects not only the files, but the mode of the directory too.
        let mode = if number % 2 == 0 { "0750" } else { "0755" };
        stage.declares(&wanted("2", mode, down));
        let (outcome, result) = apply(&stage, "");
        assert_eq!(stage.web().ask("ls /home/mallory/acted").unwrap(), "/home/mallory/acted", "{name}");
        assert_eq!(
            (outcome.as_str(), &result["problem"]["code"]),
            ("rolled-back", &json!("NF-418")),
            "{name}: {result:#}"
        );
        assert_eq!(stage.web().ask("cat /etc/fix").unwrap(), "1", "{name}");
        if number < 2 {
            let said = result.to_string();
            assert!(said.contains("/home/mallory/app/conf was not restored"), "{name}: {result:#}");
        }
        stage.declares(&wanted("3", "0755", json!({})));
        let (outcome, result) = apply(&stage, &format!("--force {hers}"));
        assert!(["ok", "partial"].contains(&outcome.as_str()), "{name}: {result:#}");
        assert_eq!(stage.web().ask("cat /etc/fix").unwrap(), "3", "{name}");
    }
    assert_eq!(stage.web().ask(etc).unwrap(), before);
    stage.web().ask(clear).unwrap();
    stage.declares(&wanted("4", "0755", json!({})));
    stage.applies();
    assert_eq!(stage.web().ask("ls /var/lib/nixfleet/tx; find / -xdev -name '.nixfleet-tx*'").unwrap(), "");
}

/// A program whose process looks like an sshd with more logins in progress than sshd accepts.
const LISTENER: &str = "$0 = 'sshd: /usr/sbin/sshd -D [listener] 100 of 10-100 startups'; sleep 1000;";
/// A drop-in that makes sshd accept connections and close them at once.
const CUT: &str = "[Service]\nSystemCallFilter=~clone clone3 fork vfork\nSystemCallErrorNumber=EPERM\n";

/// A change that makes new connections fail is rolled back, even if a process claims to be a busy sshd, and
/// even if the fleet logs in as root.
#[test]
fn a_process_that_calls_itself_an_sshd_confirms_no_change() {
    let stage = stage();
    stage
        .web()
        .ask("mkdir -p -m 700 /root/.ssh && cp /home/deploy/.ssh/authorized_keys /root/.ssh/")
        .unwrap();
    let fix = json!({ "files": { "/etc/fix": { "text": "1" } } });
    stage.declares(&fix);
    stage.applies();
    for (forged, user) in [(false, "deploy"), (true, "deploy"), (true, "root")] {
        if forged && user == "deploy" {
            begins(&stage, "attack", LISTENER);
            stage.waits_for("grep --quiet 'listener. 100 of' /proc/[0-9]*/cmdline");
        }
        if user == "root" {
            stage.edits("fleet.nix", "ssh.user = \"deploy\"", "ssh.user = \"root\"");
        }
        stage.declares(&json!({ "files": {
            "/etc/fix": { "text": "2" },
            "/etc/systemd/system/ssh.service.d/cut.conf": { "text": CUT, "restartUnits": ["ssh.service"] },
        } }));
        let (outcome, result) = apply(&stage, "--confirm-timeout 6");
        assert_eq!(
            (outcome.as_str(), &result["problem"]["code"]),
            ("rolled-back", &json!("NF-413")),
            "{forged} {user}: {result:#}"
        );
        assert_eq!(stage.web().ask("cat /etc/fix").unwrap(), "1");
    }
}
