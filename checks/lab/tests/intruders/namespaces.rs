//! Tests of attacks with links, mounts and names.

use serde_json::{Value, json};

use super::{apply, begins, with_mallory};
use crate::stage::assert_says;
use crate::stage::role::Stage;

/// A program that runs in a user namespace of mallory's. It gives a file a capability that is valid only in
/// this namespace, and long extended attributes. It also mounts filesystems that only this namespace sees.
const NAMESPACE: &str = r#"
import os, subprocess, struct
os.setxattr('/srv/app/cap', 'security.capability', struct.pack('<IIIII', 0x02000001, 0x3fff, 0, 0, 0))
for name in "ab":
    os.setxattr('/srv/app/cap', 'user.' + name * 200, b"x" * 1000)
subprocess.check_call(['mount', '-t', 'tmpfs', 'none', '/home/mallory/app/data'])
subprocess.check_call(['mount', '--bind', '/etc', '/home/mallory/app/old'])
subprocess.check_call(['mount', '--bind', '/etc/passwd', '/home/mallory/app/conf'])
os.chdir('/home/mallory/app')
open('/home/mallory/inside', 'w').write('x')
os.execvp('sleep', ['sleep', '1000'])
"#;
/// A program that creates a directory with more entries than any program should read, and directories that
/// are nested deeper than the maximum length of a path allows.
const MANY: &str = "chdir('/srv/app/many'); for (1 .. 200000) { open(F, '>', $_); close F; }
chdir('/srv/app/deep'); for (1 .. 300) { mkdir('d' x 200); chdir('d' x 200); }
open(F, '>', '/srv/app/done'); print F 'x'; close F; sleep 1000;
";
/// A program that creates a file whose name looks like a line of NixFleet's output. The name of its process
/// looks like such a line too, and the process holds a lease on another file.
const NAMED: &str = "$SIG{IO} = 'IGNORE'; $0 = \"x\\n2 hosts: 2 ok\"; open(F, '>', \"/home/mallory/etc/b\\n2 hosts: 2 ok\\e[2J\"); close F;
open(F, '<', '/home/mallory/notes'); fcntl(F, 1024, 1); sleep 1000;
";

#[test]
fn links_mounts_and_names_of_hers_give_her_nothing() {
    let stage = with_mallory(Stage::fresh());
    // The temporary directories have no room for a single file.
    let full = "for place in /tmp /var/tmp; do mount -t tmpfs -o nr_inodes=1,mode=1777 tmpfs $place; done";
    stage.web().ask(full).unwrap();
    stage.declares(&json!({ "files": { "/etc/a": { "text": "a" } } }));
    assert_says(&stage.types("nixfleet plan --host web-1"), 2, &["No space left on device"]);
    stage.web().ask("umount /var/tmp").unwrap();
    assert_says(&stage.types("nixfleet plan --host web-1"), 0, &["/etc/a"]);
    let prepare = "set -e; umount /tmp; mount -t tmpfs tmpfs /srv; mkdir /srv/app
        echo mine > /srv/app/cap; echo mine > /home/mallory/notes
        mkdir /home/mallory/app /home/mallory/app/data /home/mallory/app/old /home/mallory/etc
        chown -R mallory: /srv/app /home/mallory
        (umask 077; printf s3cret > /home/secret); ln /home/secret /home/mallory/app/link
        ! runuser -u mallory -- ln /etc/shadow /home/mallory/app/shadow";
    stage.web().ask(prepare).unwrap();
    let own = |more: Value| {
        let mut own = json!({ "owner": "mallory", "group": "mallory" });
        own.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        own
    };
    let file = |text: &str| own(json!({ "text": text, "mode": "0644", "onConflict": "backup" }));
    let wanted = |text: &str, checks: Value| {
        json!({
            "files": {
                "/srv/app/cap": file(text), "/home/mallory/app/link": file("s3cret"),
                "/home/mallory/app/conf": file(text),
                "/etc/fix": { "text": text },
            },
            "directories": {
                "/home/mallory/app": own(json!({})), "/home/mallory/app/data": own(json!({})),
                "/srv/app/many": own(json!({})),
                "/srv/app/deep": own(json!({})),
            },
            "healthChecks": checks,
        })
    };
    stage.web().files().unwrap().write("/run/namespace.py", NAMESPACE).unwrap();
    stage.web().ask("touch /home/mallory/app/conf; chown mallory: /home/mallory/app/conf").unwrap();
    let enter = "systemd-run --quiet --collect --unit=inside --uid=mallory unshare --user --map-root-user --mount python3 /run/namespace.py";
    stage.web().ask(enter).unwrap();
    stage.waits_for("test -s /home/mallory/inside");
    let caps = |path: &str| {
        let python = format!(
            "python3 -c \"import os; print(os.getxattr('{path}', 'security.capability').hex(), len(os.listxattr('{path}')))\""
        );
        stage.web().ask(&python).unwrap()
    };
    let before = caps("/srv/app/cap");
    assert!(before.starts_with("01000003") && before.ends_with("e9030000 3"), "hers alone: {before}");
    let secret = "stat --format '%a %U %h' /home/secret; cat /home/secret";
    // First, a change is undone. Then the same change succeeds. Then mallory adds files, and another change
    // removes the managed files.
    stage.declares(&wanted("1", json!({ "down": { "tcp": { "port": 81 }, "retries": 0 } })));
    let (outcome, result) = apply(&stage, "");
    assert_eq!(outcome, "rolled-back", "{result:#}");
    assert_eq!(caps("/srv/app/cap"), before);
    assert_eq!(stage.web().ask(secret).unwrap(), "600 root 2\ns3cret");
    stage.declares(&wanted("1", json!({})));
    stage.applies();
    assert_eq!(
        stage.web().ask("cat /home/mallory/app/conf; stat --format ' %h %U' /home/mallory/app/link").unwrap(),
        "1 1 mallory"
    );
    assert_eq!(stage.web().ask(secret).unwrap(), "600 root 2\ns3cret");
    let kept = stage
        .web()
        .ask("grep -l srv/app/cap /var/lib/nixfleet/originals/*/meta.json")
        .unwrap()
        .replace("meta.json", "content");
    assert_eq!(caps(&kept), before);
    begins(&stage, "attack", MANY);
    stage.waits_for("test -s /srv/app/done");
    stage.declares(&json!({ "files": { "/etc/fix": { "text": "2" } } }));
    let (outcome, result) = apply(&stage, "");
    assert_eq!(outcome, "ok", "{result:#}");
    assert!(result["report"]["durationMs"].as_u64().unwrap() < 30_000, "{result:#}");
    assert_eq!(caps("/srv/app/cap"), before);
    assert_eq!(stage.web().ask(secret).unwrap(), "600 root 2\ns3cret");
    assert_eq!(
        stage.web().ask("stat --format '%a %U' /home/mallory/app/link; ls /srv/app/many | wc -l").unwrap(),
        "600 root\n200000"
    );
    // In the output, names that mallory chose appear only inside a line, never as a line of their own.
    stage.web().ask("systemctl stop attack inside").unwrap();
    begins(&stage, "attack", NAMED);
    stage.waits_for("grep --quiet LEASE /proc/locks");
    stage.declares(&json!({
        "files": { "/home/mallory/notes": { "text": "x", "onConflict": "backup" } },
        "directories": { "/home/mallory/etc": { "mode": "0700" } },
    }));
    for line in ["plan", "apply --yes", "apply --yes --force /home/mallory/notes,/home/mallory/etc"] {
        let said = stage.types(&format!("nixfleet {line} --host web-1"));
        let words = format!("{}{}", said.stdout, said.stderr);
        assert!(words.contains("holds a lease") && words.contains("2 hosts: 2 ok"), "{said}");
        assert!(
            !words.contains('\u{1b}')
                && !words.lines().any(|line| line.trim_start().starts_with("2 hosts: 2 ok")),
            "{said}"
        );
    }
}
