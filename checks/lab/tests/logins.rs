//! Tests of unusual logins on hosts: different shells, start-up files that print output or read input, a
//! failing `sudo`, and an sshd that penalizes failed logins.

use std::time::{Duration, Instant};

use nixfleet_lab::command::Finished;
use nixfleet_lab::lab::Lab;
use serde_json::Value;

use crate::stage::shared::FRESH_WEB;
use crate::stage::{adds, applies, assert_says, outcomes, outcomes_of};

/// Runs a line as `ada` after the shared SSH connections are closed. A new connection is needed, because sshd
/// reads the account only at login.
fn types(lab: &Lab, line: &str) -> Finished {
    let fresh = "for socket in /tmp/nixfleet-*/*; do ssh -O exit -S \"$socket\" x 2>/dev/null; done";
    lab.operator().unwrap().types(&format!("{fresh}\n{line}")).unwrap()
}

/// Returns the result of web-1 from the JSON document that a command printed.
fn host(finished: &Finished) -> Value {
    let mut document: Value = serde_json::from_str(&finished.stdout).expect(&finished.stdout);
    document["hosts"][0].take()
}

/// Asserts that a plan for web-1 fails with this code and these texts.
#[track_caller]
fn assert_no_plan(lab: &Lab, code: &str, sayings: &[&str]) {
    let finished = types(lab, "nixfleet plan --json --host web-1");
    let problem = host(&finished)["problem"].take();
    assert_eq!(problem["code"], code, "{finished}");
    for saying in sayings {
        assert!(problem.to_string().contains(saying), "nothing says `{saying}`: {problem:#}");
    }
}

#[test]
fn every_login_is_used_or_refused_with_its_cause() {
    let lab = FRESH_WEB.turn();
    let web = lab.guest("web-1").unwrap();

    // Arguments arrive unchanged in shells with unusual quoting rules or restrictions, and everything else
    // works in these shells too.
    web.ask("for file in .tcshrc .bashrc; do echo 'echo Welcome' > /home/deploy/$file; done").unwrap();
    let words =
        r#"run --json --host web-1 -- printf '<%s>' 'a b' "it's" '!x' 'a\\b' $'two\nlines' '$HOME' '' '%p'"#;
    let said = "<a b><it's><!x><a\\\\b><two\nlines><$HOME><><%p>";
    for (number, shell) in ["/bin/tcsh", "/usr/bin/fish", "/bin/rbash"].into_iter().enumerate() {
        web.ask(&format!("usermod --shell {shell} deploy")).unwrap();
        let finished = types(&lab, &format!("nixfleet {words}"));
        assert_eq!(host(&finished)["run"]["stdout"], said, "{shell}: {finished}");
        let finished =
            types(&lab, "seq 100000 | nixfleet run --json --host web-1 --sudo -- sh -c 'wc -l; id -u'");
        assert_eq!(host(&finished)["run"]["stdout"], "100000\n0\n", "{shell}: {finished}");
        adds(&lab, &format!("nixfleet.files.\"/etc/shell-{number}\".text = \"{shell}\";"));
        assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]), "{shell}");
        assert_says(&types(&lab, "nixfleet status --host web-1"), 0, &["web-1"]);
    }
    // This restricted shell (rbash) can run only the programs in `/home/deploy/bin`, and `sh` is not there.
    web.ask("echo 'PATH=/home/deploy/bin' > /home/deploy/.bashrc").unwrap();
    assert_no_plan(&lab, "NF-307", &["rbash", "sh: command not found", "usermod --shell /bin/bash deploy"]);
    web.ask("rm /home/deploy/.bashrc").unwrap();

    for (shell, saying) in [("/usr/sbin/nologin", "nologin"), ("/bin/false", "/bin/false")] {
        web.ask(&format!("usermod --shell {shell} deploy")).unwrap();
        assert_no_plan(&lab, "NF-307", &[saying, "usermod --shell /bin/bash deploy"]);
    }
    web.ask("usermod --shell /bin/bash deploy").unwrap();

    // A start-up file that prints output does no harm. A start-up file that reads input is reported.
    web.ask("printf '%s\\n' 'echo Welcome; printf \"no newline\"; echo oops >&2' > /home/deploy/.bashrc")
        .unwrap();
    let finished = types(&lab, "nixfleet run --json --host web-1 -- echo hi");
    let ran = host(&finished)["run"].take();
    assert_eq!((&ran["stdout"], &ran["stderr"]), (&"hi\n".into(), &"".into()), "{finished}");
    for listens in ["read -t 1 line", "cat > /dev/null", "head -c 3 > /dev/null"] {
        web.ask(&format!("echo '{listens}' > /home/deploy/.bashrc")).unwrap();
        assert_no_plan(&lab, "NF-307", &["start-up file", "~/.bashrc"]);
    }
    let finished = types(&lab, "echo typed | nixfleet run --json --host web-1 -- cat");
    assert_eq!(host(&finished)["problem"]["code"], "NF-307", "{finished}");
    web.ask("rm /home/deploy/.bashrc").unwrap();

    // An error of sudo is reported with a way to correct it.
    let rules = "/etc/sudoers.d/deploy";
    let whole = "deploy ALL=(ALL:ALL) NOPASSWD: ALL";
    let cases = [
        (format!("echo 'Defaults requiretty' >> {rules}"), "!requiretty"),
        (format!("chmod 0666 {rules}"), "chmod 0440 /etc/sudoers"),
        (format!("echo 'deploy ALL=(ALL) ALL' > {rules}"), "NOPASSWD: ALL"),
        (format!(": > {rules}"), "NOPASSWD: ALL"),
        ("mv /usr/bin/sudo /usr/bin/sudo.away".to_owned(), "apt-get install sudo"),
        ("chmod u-s /usr/bin/sudo".to_owned(), "chmod 4755 /usr/bin/sudo"),
    ];
    for (breaks, saying) in cases {
        web.ask(&breaks).unwrap();
        assert_no_plan(&lab, "NF-304", &[saying]);
        let finished = types(&lab, "nixfleet run --json --sudo --host web-1 -- id -u");
        assert_eq!(host(&finished)["problem"]["code"], "NF-304", "{finished}");
        let heals = "test -e /usr/bin/sudo || mv /usr/bin/sudo.away /usr/bin/sudo; chmod u+s /usr/bin/sudo";
        web.ask(&format!("{heals}; echo '{whole}' > {rules}; chmod 0440 {rules}")).unwrap();
    }

    // If the host cannot resolve its own name, sudo prints a warning. The plan works all the same.
    web.ask("hostname nobody-knows").unwrap();
    let finished = types(&lab, "nixfleet plan --json --host web-1");
    assert_eq!(host(&finished)["outcome"], "unchanged", "{finished}");
}

/// Returns Nix code for a unit whose start blocks logins of all users except root for `seconds` seconds.
fn shuts(version: u32, seconds: u32) -> String {
    let script = format!(
        "echo nobody comes in > /etc/nologin; : {version}; systemd-run --quiet --on-active={seconds} \
         --timer-property=AccuracySec=100ms /bin/rm /etc/nologin"
    );
    format!(
        "nixfleet.systemd.units.\"shuts.service\".sections = {{\n    Service = {{ Type = \"oneshot\"; ExecStart = \"/bin/sh -c \
         '{script}'\"; RemainAfterExit = true; }};\n    Install.WantedBy = \"multi-user.target\";\n  }};"
    )
}

#[test]
fn a_host_that_lets_nobody_in_for_a_moment_is_neither_lost_nor_provoked() {
    let lab = FRESH_WEB.turn();
    let web = lab.guest("web-1").unwrap();
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));

    adds(&lab, &shuts(1, 4));
    let began = Instant::now();
    assert_eq!(applies(&lab, "--host web-1 --confirm-timeout 12"), outcomes_of([("web-1", "ok")]));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let penalties = "journalctl --unit ssh.service | grep -c 'activating penalty' || true";
    assert_eq!(web.ask(penalties).unwrap(), "0");

    // If logins stay blocked, the reported cause is the last message that ssh received.
    lab.operator().unwrap().edits("roles/web.nix", &shuts(1, 4), &shuts(2, 60)).unwrap();
    let line = "nixfleet apply --yes --json --host web-1 --confirm-timeout 4";
    let (finished, document) = lab.operator().unwrap().types_for_json(line).unwrap();
    assert_eq!(outcomes(&document), outcomes_of([("web-1", "rolled-back")]), "{finished}");
    let problem = &document["hosts"][0]["problem"];
    assert_eq!(problem["code"], "NF-413", "{finished}");
    assert!(problem["why"].as_str().unwrap().contains("nobody comes in"), "{problem:#}");
    assert_eq!(web.ask(penalties).unwrap(), "0");
}
