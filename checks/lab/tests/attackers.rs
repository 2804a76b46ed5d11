//! Tests of attacks by mallory, an unprivileged user of a managed host. NixFleet manages some files in her
//! home directory.

use serde_json::{Value, json};

use crate::stage::role::Stage;
use crate::stage::{assert_says, outcomes};

/// A program that swaps a managed file with a file of mallory's and back, as fast as possible.
const EXCHANGE: &str = "chdir '/home/mallory';
open(F, '>', 'evil'); print F 'evil'; close F; chmod 0755, 'evil';
for (;;) { rename('tool', 'kept'); rename('evil', 'tool'); rename('tool', 'evil'); rename('kept', 'tool'); }
";
/// A program that takes a lease on mallory's file again and again, because the kernel breaks a lease after a
/// while.
const LEASE: &str = "$SIG{IO} = 'IGNORE';
open(F, '>>', '/home/mallory/notes'); print F 'mine'; close F;
for (;;) { open(F, '<', '/home/mallory/notes'); fcntl(F, 1024, 1); sleep 1; }
";
/// A program that writes to mallory's file continuously.
const REWRITE: &str = "for (my $i = 0; ; $i++) { open(F, '>', '/home/mallory/notes'); print F $i; close F; }
";

/// Adds the user mallory to a host.
fn with_mallory(stage: Stage) -> Stage {
    stage.web().ask("useradd --create-home --shell /bin/bash mallory").unwrap();
    stage
}

/// Starts a program of mallory's in the background, which runs until [`ends`].
fn begins(stage: &Stage, program: &str) {
    let files = stage.web().files().unwrap();
    files.write("/run/attack.pl", program).unwrap();
    stage
        .web()
        .ask("chmod a+r /run/attack.pl && systemd-run --quiet --collect --unit=attack --uid=mallory perl /run/attack.pl")
        .unwrap();
}

fn ends(stage: &Stage) {
    stage.web().ask("systemctl stop attack").unwrap();
}

/// Runs an apply, and returns the outcome and the result of the host, whatever the exit code.
fn apply(stage: &Stage, flags: &str) -> (String, Value) {
    let (finished, mut document) =
        stage.types_for_json(&format!("nixfleet apply --yes --json --host web-1 {flags}"));
    let outcome = outcomes(&document).remove("web-1");
    (outcome.unwrap_or_else(|| panic!("{finished}")), document["hosts"][0].take())
}

#[test]
fn nothing_that_is_exchanged_in_a_loop_becomes_roots() {
    let stage = with_mallory(Stage::set());
    let tool = |mode: &str| {
        json!({
            "files": { "/home/mallory/tool": { "text": "#!/bin/sh\n", "mode": mode } },
            "directories": { "/home/mallory/etc": { "mode": mode, "owner": "mallory", "group": "mallory" } },
        })
    };
    stage.declares(&tool("0755"));
    stage.applies();
    begins(&stage, EXCHANGE);
    for round in 0..4 {
        stage.declares(&tool(if round % 2 == 0 { "0711" } else { "0755" }));
        let (outcome, result) = apply(&stage, "");
        assert!(["ok", "unchanged", "blocked", "rolled-back"].contains(&outcome.as_str()), "{result:#}");
        // Wherever the swap has moved it, mallory's file must never belong to root or be setuid. The attack
        // is paused while this is checked.
        let theft = "systemctl kill --signal=STOP attack
            find /home/mallory -xdev -type f \\( -user root -o -perm /6000 \\) -exec grep -l evil {} +
            systemctl kill --signal=CONT attack";
        assert_eq!(stage.web().sh(theft).unwrap().stdout, "", "round {round}: {result:#}");
    }
    ends(&stage);
    stage.declares(&tool("0700"));
    stage.applies();
    assert_eq!(stage.web().ask("stat --format '%a %U' /home/mallory/tool").unwrap(), "700 root");
    assert_eq!(stage.web().ask("find /home/mallory -name '.nixfleet*'").unwrap(), "");
}

/// A test case: its name, the attack, and the texts that the plan must contain.
type Case<'a> = (&'static str, &'a dyn Fn(), &'static [&'static str]);

#[test]
fn a_user_holds_up_her_own_file_and_no_other() {
    let stage = with_mallory(Stage::set());
    let path = "/home/mallory/notes";
    let wanted = |text: &str| {
        json!({ "files": {
            path: { "text": text, "owner": "mallory", "group": "mallory", "mode": "0600" },
            "/etc/fix": { "text": text },
        } })
    };
    stage.declares(&wanted("0\n"));
    stage.applies();
    let becomes = |what: &str| {
        stage.web().ask(&format!("runuser -u mallory -- sh -c 'rm -f {path}; {what}'")).unwrap();
    };
    let cases: [Case<'_>; 5] = [
        ("lease", &|| begins(&stage, LEASE), &["NF-405", "holds a lease", "perl"]),
        ("rewritten", &|| begins(&stage, REWRITE), &[]),
        (
            "sparse",
            &|| becomes(&format!("truncate --size 4T {path}")),
            &["NF-405", "too large", "maxFileSize"],
        ),
        (
            "pipe",
            &|| becomes(&format!("mkfifo {path}")),
            &["NF-402", "a pipe of `mallory`", "--force /home/mallory"],
        ),
        (
            "open",
            &|| stage.web().ask("chmod o+w /home/mallory").map(drop).unwrap(),
            &["NF-410", "/home/mallory", "owner `mallory`", "--force /home/mallory"],
        ),
    ];
    for (number, (name, attack, sayings)) in cases.iter().enumerate() {
        let text = format!("{}\n", number + 1);
        stage.declares(&wanted(&text));
        attack();
        if *name == "lease" {
            stage.waits_for("grep --quiet LEASE /proc/locks");
        }
        if !sayings.is_empty() {
            let plan = stage.types("nixfleet plan --host web-1");
            assert_says(&plan, 2, sayings);
            let (outcome, result) = apply(&stage, "");
            assert_eq!(outcome, "blocked", "{name}: {result:#}");
        }
        // With `--force`, `/etc/fix` is changed, and the path that is left out is reported.
        let (outcome, result) = apply(&stage, &format!("--force {path}"));
        assert_eq!(
            (outcome.as_str(), &result["reasonCode"]),
            ("partial", &json!("paths-left-out")),
            "{name}: {result:#}"
        );
        assert!(result.to_string().contains(&format!("left as it is: {path}: ")), "{name}: {result:#}");
        assert_eq!(format!("{}\n", stage.web().ask("cat /etc/fix").unwrap()), text, "{name}");
        let status = stage.types("nixfleet status --host web-1");
        assert_says(&status, 0, &[path]);
        stage
            .web()
            .ask("systemctl stop attack 2>/dev/null; chmod o-w /home/mallory; rm -f /home/mallory/notes")
            .unwrap();
        stage.applies();
    }
}

#[test]
fn a_full_tmp_stops_nobody() {
    let stage = with_mallory(Stage::fresh());
    let fill = "mount -t tmpfs -o size=1M,mode=1777 tmpfs /tmp && runuser -u mallory -- sh -c 'head -c 2M /dev/zero >/tmp/full'";
    assert!(!stage.web().sh(fill).unwrap().ok(), "it does not fit");
    // The activator is not on the host yet, so the plan has to store it in a temporary directory.
    stage.declares(&json!({ "files": { "/etc/a": { "text": "a" } } }));
    assert_says(&stage.types("nixfleet plan --host web-1"), 0, &["/etc/a"]);
    stage.applies();
    assert_eq!(stage.web().ask("ls /var/tmp | grep -c nixfleet || true").unwrap(), "0");
}

#[test]
fn what_others_could_exchange_is_neither_used_nor_made() {
    let stage = with_mallory(Stage::set());
    let wanted = |text: &str| json!({ "files": { "/etc/a": { "text": text } } });
    stage.declares(&wanted("1"));
    stage.applies();
    stage.declares(&wanted("2"));
    for path in ["/var/lib/nixfleet", "/run/nixfleet"] {
        let ways = [
            (format!("chown mallory {path}"), format!("chown root {path}")),
            (format!("chmod 1777 {path}"), format!("chmod 0700 {path}")),
            (
                format!("mv {path} {path}.away && ln -s {path}.away {path}"),
                format!("rm {path} && mv {path}.away {path}"),
            ),
        ];
        for (opens, closes) in ways {
            stage.web().ask(&opens).unwrap();
            assert_says(&stage.types("nixfleet plan --host web-1"), 2, &["NF-410", path]);
            stage.fails("blocked", "NF-410", &[path, "only root can write"]);
            stage.web().ask(&closes).unwrap();
        }
    }
    stage.applies();

    // `/tmp/su` is a file of mallory's in a directory to which everybody may write. The other two paths are
    // in directories of mallory's.
    stage.web().ask("runuser -u mallory -- sh -c 'touch /tmp/su; mkdir /tmp/hers'").unwrap();
    for path in ["/tmp/su", "/tmp/hers/su", "/home/mallory/su"] {
        stage
            .declares(&json!({ "files": { path: { "text": "x", "mode": "4755", "onConflict": "backup" } } }));
        let sayings = [path, "`mallory` could rename the file"];
        assert_says(&stage.types("nixfleet plan --host web-1"), 2, &[&["NF-410"], &sayings[..]].concat());
        stage.fails("blocked", "NF-410", &sayings);
    }
}

/// Programs that run as root must come from directories that only root can write to, whatever `PATH` the
/// login sets.
#[test]
fn no_program_of_anybody_else_runs_as_root() {
    let stage = with_mallory(Stage::set());
    let fakes = "set -e
        groupadd --gid 2000 staffers
        chgrp staffers /usr/local/bin && chmod 2775 /usr/local/bin
        mkdir /home/deploy/bin
        for name in nix-store nix sudo mktemp head id readlink; do
          printf '#!/bin/sh\\ntouch /home/deploy/fooled-by-%s\\nexec /usr/bin/%s \"$@\"\\n' $name $name > /home/deploy/bin/$name
        done
        for name in systemctl systemd-run systemd-analyze visudo useradd groupadd usermod nix-store; do
          printf '#!/bin/sh\\ntouch /home/deploy/fooled-by-%s\\nPATH=/usr/sbin:/usr/bin exec %s \"$@\"\\n' $name $name > /usr/local/bin/$name
        done
        for name in sh true; do
          # The test itself runs these, too.
          printf '#!/bin/dash\\n[ -z \"$SUDO_USER\" ] || touch /home/deploy/fooled-by-%s\\nexec /usr/bin/%s \"$@\"\\n' $name $name > /usr/local/bin/$name
        done
        chmod a+rx /home/deploy/bin/* /usr/local/bin/*
        { echo 'PATH=/home/deploy/bin:$PATH'; cat /home/deploy/.bashrc 2>/dev/null || true; } > /home/deploy/rc
        mv /home/deploy/rc /home/deploy/.bashrc";
    stage.web().ask(fakes).unwrap();
    // An apply of this intent includes plans, an upload, a copy, a run in a unit of its own, units, accounts
    // and a confirmation.
    let lists = |text: &str| {
        json!({
            "files": { "/etc/a": { "text": text }, "/etc/sudoers.d/x": { "text": "# x\n", "mode": "0440" } },
            "users": { "app": {} },
            "systemd": { "units": { "app.service": { "text": "[Service]\nExecStart=/usr/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n" } } },
        })
    };
    for text in ["1", "2"] {
        stage.declares(&lists(text));
        let (outcome, result) = apply(&stage, "");
        assert_eq!(outcome, "ok", "{result:#}");
    }
    assert_says(&stage.types("nixfleet status --host web-1"), 0, &["web-1"]);
    stage.rolls_back();
    let fooled = "ls /home/deploy | grep fooled || true";
    assert_eq!(stage.web().ask(fooled).unwrap(), "");
    // The fake programs run if they are called directly, so the test would have noticed them.
    stage.web().ask("runuser -u deploy -- bash -ic mktemp; /usr/local/bin/visudo -V").unwrap();
    assert_eq!(stage.web().ask(fooled).unwrap(), "fooled-by-mktemp\nfooled-by-visudo");
}

/// A program that keeps more logins in progress than sshd accepts, from addresses of the host itself.
const FLOOD: &str = "use Socket; $SIG{PIPE} = 'IGNORE'; my @held;
for (my $i = 0; ; $i++) {
  socket(my $s, PF_INET, SOCK_STREAM, 0) or next;
  bind($s, pack_sockaddr_in(0, inet_aton('127.0.' . ($i / 200 % 200) . '.' . (1 + $i % 200))));
  connect($s, pack_sockaddr_in(22, inet_aton('127.0.0.1'))) and push @held, $s;
  shift @held if @held > 400;
  select(undef, undef, undef, 0.005) if $i > 300;
}
";

/// An unprivileged user can prevent all other users from logging in. A change is confirmed anyway, by a login
/// on the host itself.
#[test]
fn a_flood_of_logins_takes_no_change_back() {
    let stage = with_mallory(Stage::set());
    let wanted = |text: &str| json!({ "files": { "/etc/a": { "text": text } } });
    // SSH settings for ada's own logins must not affect the login that confirms the change.
    let own = "Host *\n  RemoteCommand sh\n  RequestTTY force\n  ForwardAgent yes\n  LocalForward 7778 localhost:22\n";
    stage.operator().files().unwrap().write("/home/ada/.ssh/config", own).unwrap();
    stage.declares(&wanted("1"));
    stage.applies();
    begins(&stage, FLOOD);
    // Wait until sshd rejects new connections.
    stage.waits_for(
        "! timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/22; head -c 4 <&3' 2>/dev/null | grep --quiet SSH-",
    );
    stage.declares(&wanted("2"));
    let (outcome, result) = apply(&stage, "");
    assert_eq!(outcome, "ok", "{result:#}");
    // A change that really cuts the host off is rolled back, even during the flood.
    stage.declares(&json!({ "files": {
        "/etc/a": { "text": "3" },
        "/etc/ssh/sshd_config.d/00-cut.conf": {
            "text": "AuthorizedKeysFile none\nAuthorizedKeysCommand none\n", "restartUnits": ["ssh.service"],
        },
    } }));
    let (outcome, result) = apply(&stage, "--force lockout --confirm-timeout 10");
    assert_eq!(
        (outcome.as_str(), &result["problem"]["code"]),
        ("rolled-back", &json!("NF-413")),
        "{result:#}"
    );
    assert_eq!(stage.web().ask("cat /etc/a; ls /etc/ssh/sshd_config.d | grep -c cut || true").unwrap(), "20");
    ends(&stage);
}
