//! Tests of NixFleet's diagnostics, on the operator's machine and in the journals of hosts. The diagnostics
//! must contain enough to find the cause of a failure, and no secret.

use nixfleet_lab::command::Finished;
use nixfleet_lab::guest::Guest;
use serde_json::Value;

use crate::stage::shared::FRESH_WEB;
use crate::stage::{adds, assert_says};

/// A text that is part of every secret in this test.
const SECRET: &str = "hunter2";
/// An argument of a command. Plans show it, but diagnostics must not.
const ARGUMENT: &str = "hunter3";

/// Returns the journal entries of all runs on a host.
fn journal(host: &Guest, flags: &str) -> String {
    host.ask("journalctl --sync").unwrap();
    host.ask(&format!("journalctl --no-pager -o cat -u 'nixfleet-run-*' {flags} || true")).unwrap()
}

/// Returns the lines that contain a secret or an argument.
fn leaks(told: &str) -> Vec<&str> {
    told.lines().filter(|line| line.contains(SECRET) || line.contains(ARGUMENT)).collect()
}

#[test]
fn no_secret_is_told_wherever_it_comes_from() {
    let lab = FRESH_WEB.turn();
    let (web, operator) = (lab.guest("web-1").unwrap(), lab.operator().unwrap());
    let address = format!("umask 077; echo 'http://ada:{SECRET}@127.0.0.1:9/{SECRET}' >~/address");
    operator.types(&address).unwrap().success().unwrap();
    let says = "notifications.all = { kind = \"webhook\"; urlFile = \"/home/ada/address\"; timeout = 5; \
                on = [ \"start\" \"success\" \"failure\" \"pause\" ]; };\n  defaults.ssh.user = \"deploy\";";
    operator.edits("fleet.nix", "defaults.ssh.user = \"deploy\";", says).unwrap();
    adds(
        &lab,
        &format!(
            "  nixfleet.files.\"/etc/secret\" = {{ text = \"{SECRET}\"; mode = \"0600\"; \
             onChange = [ \"/bin/sh\" \"-c\" \"cat /etc/secret; : {ARGUMENT}; echo ran >/run/ran\" ]; }};\n"
        ),
    );
    let tokens = format!("--option access-tokens github.com={SECRET}");
    let apply = format!("nixfleet apply --yes --host web-1 {tokens} -vvv");
    let lines = [
        format!("nixfleet plan --host web-1 {tokens} -vvv --out ~/saved.json"),
        apply.clone(),
        format!("echo {SECRET} | nixfleet run --host web-1 -vvv -- sh -c 'cat; : {SECRET}' >/dev/null"),
        format!("nixfleet status --host web-1 {tokens} -vvv"),
        format!(
            "nixfleet plan --host web-1 -vvv --override-input nixpkgs 'git+http://ada:{SECRET}@127.0.0.1:9/x' 2>&1 | grep nixfleet::"
        ),
    ];
    let mut told = String::new();
    for line in &lines {
        for format in ["text", "json"] {
            let finished = operator.types(&format!("export NIXFLEET_LOG_FORMAT={format}; {line}")).unwrap();
            assert!(finished.ok(), "{line}: {finished}");
            assert!(!finished.stdout.contains(SECRET), "{line}: {finished}");
            // The last of these command lines sends its diagnostics to standard output, through a pipe.
            told.push_str(&finished.stderr);
            told.push_str(if line.ends_with("nixfleet::") { &finished.stdout } else { "" });
        }
    }
    for known in [
        "work{host=\"web-1\"}",
        "nixfleet::process: process ended command=\"nix ",
        "access-tokens …",
        "command=\"curl …\"",
        "connection opened",
        "activator=\"apply\"",
        "\"span\":{\"host\":\"web-1\",\"name\":\"work\"}",
        "nixfleet::step",
    ] {
        assert!(told.contains(known), "nothing tells `{known}`:\n{told}");
    }
    assert_eq!(leaks(&told), [""; 0]);

    assert_eq!(web.ask("cat /run/ran; cat /etc/secret").unwrap(), format!("ran\n{SECRET}"));
    let steps = journal(web, "");
    for known in
        ["carried out: + /etc/secret", "carried out: run /bin/sh", "the change is committed", "process ended"]
    {
        assert!(steps.contains(known), "nothing tells `{known}`:\n{steps}");
    }
    let everything = web.ask("journalctl --no-pager -o export --all").unwrap();
    assert!(everything.contains("carried out: + /etc/secret"));
    assert_eq!(leaks(&everything), [""; 0]);
    let found = operator.types(&format!(
        "grep -rl {SECRET} ~/saved.json ~/.local/state/nixfleet; ls ~/.local/state/nixfleet/history/history.db >&2"
    ));
    let found = found.unwrap().success().unwrap();
    assert_eq!(found.stdout, "");
}

#[test]
fn the_journal_of_a_host_shows_why_a_change_failed_and_what_it_did() {
    let lab = FRESH_WEB.turn();
    let (web, operator) = (lab.guest("web-1").unwrap(), lab.operator().unwrap());
    let apply = |code: i32| -> Finished {
        let finished = operator.types("nixfleet apply --yes --host web-1").unwrap();
        assert_says(&finished, code, &[]);
        finished
    };
    apply(0);
    assert_eq!(journal(web, "-p warning"), "", "nothing failed");
    assert!(journal(web, "-p info").contains("the change is committed"));
    assert!(!journal(web, "-p info").contains("carried out"));
    assert!(journal(web, "-p debug").contains("carried out: + /etc/"));

    adds(
        &lab,
        "  nixfleet.files.\"/etc/a\".text = \"a\";\n  nixfleet.systemd.units.\"bad.service\".sections = {\n    \
         Service = { Type = \"oneshot\"; ExecStart = \"/bin/false\"; };\n    \
         Install.WantedBy = [ \"multi-user.target\" ];\n  };\n",
    );
    apply(2);
    let (warnings, steps) = (journal(web, "-p warning"), journal(web, "-p debug"));
    assert!(warnings.contains("run failed") && warnings.contains("bad.service"), "{warnings}");
    assert!(!warnings.lines().any(|line| line.starts_with("carried out")), "{warnings}");
    assert!(journal(web, "-p info").contains("the change is undone"));
    for known in ["carried out: + /etc/a", "undone: + /etc/a", "systemctl "] {
        assert!(steps.contains(known), "nothing tells `{known}`:\n{steps}");
    }
    // The answers of the host are valid, so no diagnostics are mixed into them.
    let (_, document) = operator.types_for_json("nixfleet status --json --host web-1").unwrap();
    assert_eq!(document["hosts"][0]["problem"], Value::Null, "{document:#}");
}
