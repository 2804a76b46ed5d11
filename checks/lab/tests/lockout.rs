//! Tests of changes that would lock out the operator. Such a change is refused before the host is changed,
//! unless it is forced. A forced change is still rolled back if the host cannot be reached afterwards.

use nixfleet_lab::snapshot::Snapshot;

use crate::stage::shared::MANAGED_WEB;
use crate::stage::{
    adds, applies, assert_apply_refuses, assert_refuses, assert_refuses_each, assert_says, generation,
    outcomes, outcomes_of,
};

fn sshd(text: &str) -> String {
    format!(
        r#"nixfleet.files."/etc/ssh/sshd_config.d/10-web.conf" = {{ text = "{text}\n"; reloadUnits = [ "ssh.service" ]; }};"#
    )
}

/// Returns the text of a module that replaces the operator's key with another key.
fn keys(owner: &str) -> String {
    format!(
        r#"nixfleet.files."/home/deploy/.ssh/authorized_keys" = {{
    text = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGw1ZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVy eve\n";
    mode = "0600";
    owner = "{owner}";
    group = "{owner}";
    onConflict = "backup";
  }};"#
    )
}

fn absent(path: &str) -> String {
    format!("nixfleet.absent.{path:?}.recursive = true;")
}

fn account(fields: &str) -> String {
    format!(r#"nixfleet.users.deploy = {{ system = false; extraGroups = [ "users" ]; {fields} }};"#)
}

const OPS_RULE: &str =
    r#"nixfleet.files."/etc/sudoers.d/ops" = { text = "ops ALL=(ALL) NOPASSWD: ALL\n"; mode = "0440"; };"#;

const NO_RULE: &str = r#"nixfleet.files."/etc/sudoers.d/deploy" = {
    text = "Defaults !lecture\n";
    mode = "0440";
    onConflict = "backup";
  };"#;

#[test]
fn a_change_that_takes_the_way_in_is_refused() {
    let lab = MANAGED_WEB.turn();
    let (web, operator) = (lab.guest("web-1").unwrap(), lab.operator().unwrap());
    let cases: [(String, &str); 14] = [
        (NO_RULE.to_owned(), "can no longer become root without a password"),
        (keys("deploy"), "the key that was accepted before"),
        (sshd("AllowUsers ada root"), "AllowUsers"),
        (sshd("DenyGroups deploy"), "DenyGroups"),
        (sshd("PubkeyAuthentication no\\nPasswordAuthentication yes"), "PubkeyAuthentication"),
        (sshd("Port 2222"), "port 22"),
        (sshd("AuthorizedKeysFile /etc/ssh/keys/%u"), "the key that was accepted before"),
        (sshd("Match Address 10.0.1.2\\n  ForceCommand /bin/false"), "ForceCommand"),
        (account("shell = \"/usr/sbin/nologin\";"), "/usr/sbin/nologin"),
        (sshd("ChrootDirectory /srv"), "ChrootDirectory"),
        (absent("/home/deploy/.ssh/authorized_keys"), "the key that was accepted before"),
        (absent("/home/deploy/.ssh"), "the key that was accepted before"),
        (absent("/etc/sudoers.d/deploy"), "can no longer become root without a password"),
        (absent("/etc/sudoers.d"), "can no longer become root without a password"),
    ];
    let cases = cases.each_ref().map(|(nix, saying)| (nix, ["deploy", saying, "--force lockout"]));
    assert_refuses_each(&lab, "NF-416", &cases.each_ref().map(|(nix, sayings)| (nix, &sayings[..])));

    // Such changes are refused too if the fleet logs in as root, or with an account that NixFleet created.
    let roots =
        "install -d -m 700 /root/.ssh && tee /root/.ssh/authorized_keys < /home/deploy/.ssh/authorized_keys";
    let key = web.ask(roots).unwrap();
    adds(
        &lab,
        &format!("nixfleet.users.ops = {{ system = false; openssh.authorizedKeys = [ \"{key}\" ]; }};"),
    );
    adds(&lab, OPS_RULE);
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
    operator.resets_fleet().unwrap();
    let cases: [(&str, String, &str); 3] = [
        ("root", sshd("PermitRootLogin no"), "PermitRootLogin"),
        ("root", sshd("PermitRootLogin forced-commands-only"), "PermitRootLogin"),
        ("ops", String::new(), "the account ops: it has expired, or is disabled"),
    ];
    for (user, nix, saying) in &cases {
        operator.edits("fleet.nix", "ssh.user = \"deploy\"", &format!("ssh.user = \"{user}\"")).unwrap();
        adds(&lab, OPS_RULE);
        adds(&lab, nix);
        assert_says(&operator.types("nixfleet plan --host web-1").unwrap(), 2, &["NF-416", user, saying]);
        assert_refuses(&lab, "apply", "NF-416", &[user, saying, "--force lockout"]);
        // The host itself detects the problem if the plan was not validated.
        assert_apply_refuses(&lab, "apply --no-validate", "NF-416", &[user, saying]);
        operator.resets_fleet().unwrap();
    }
}

#[test]
fn a_forced_change_that_locks_out_is_undone() {
    let lab = MANAGED_WEB.turn();
    let web = lab.guest("web-1").unwrap();
    let before = Snapshot::take(web).unwrap();
    adds(&lab, &sshd("AllowUsers ada root"));
    let line = "nixfleet apply --yes --json --host web-1 --force lockout --confirm-timeout 3";
    let (finished, document) = lab.operator().unwrap().types_for_json(line).unwrap();
    assert_eq!(outcomes(&document), outcomes_of([("web-1", "rolled-back")]), "{finished}");
    assert_eq!(document["hosts"][0]["problem"]["code"], "NF-413", "{finished}");
    let difference = before.difference(&Snapshot::take(web).unwrap());
    let difference: Vec<&str> = difference.lines().filter(|line| !line.starts_with("+ store ")).collect();
    assert!(difference.is_empty(), "web-1 is not as it was:\n{}", difference.join("\n"));
}

#[test]
fn a_forced_change_after_which_the_host_is_still_reached_stays() {
    let lab = MANAGED_WEB.turn();
    // sshd is not reloaded, so it still listens on the old port.
    adds(&lab, r#"nixfleet.files."/etc/ssh/sshd_config.d/10-web.conf".text = "Port 2222\n";"#);
    assert_refuses(&lab, "apply", "NF-416", &["port 22"]);
    assert_eq!(applies(&lab, "--host web-1 --force lockout"), outcomes_of([("web-1", "ok")]));
    assert_eq!(generation(lab.guest("web-1").unwrap()), 2);
}

#[test]
fn a_change_of_the_way_in_that_leaves_it_open_passes() {
    let lab = MANAGED_WEB.turn();
    let web = lab.guest("web-1").unwrap();
    let key = web.ask("cat /home/deploy/.ssh/authorized_keys").unwrap();
    adds(&lab, &sshd("AllowUsers deploy\\nPasswordAuthentication no\\nPermitRootLogin no"));
    adds(&lab, &account(&format!("shell = \"/bin/sh\"; openssh.authorizedKeys = [ \"{key}\" ];")));
    adds(
        &lab,
        r#"nixfleet.files."/etc/sudoers.d/deploy" = {
    text = "deploy ALL=(root) NOPASSWD: ALL\n";
    mode = "0440";
    onConflict = "backup";
  };"#,
    );
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
    // A directory that logins do not need is removed, and restored with its owners, modes and names.
    let stands = "mkdir -p /etc/ssh/spare && echo note > /etc/ssh/spare/note && chmod 711 /etc/ssh/spare &&
        ln /etc/ssh/spare/note /etc/ssh/spare/other && ln -s note /etc/ssh/spare/link";
    let looks = "find /etc/ssh/spare -printf '%i %p %m %U %T@ %l\\n'";
    web.ask(stands).unwrap();
    let before = web.ask(looks).unwrap();
    adds(&lab, &absent("/etc/ssh/spare"));
    assert_says(
        &lab.operator().unwrap().types("nixfleet plan --host web-1").unwrap(),
        0,
        &["/etc/ssh/spare/  with its content", "restored when the path is no longer managed"],
    );
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
    assert!(!web.files().unwrap().exists("/etc/ssh/spare"));
    // The directory exists again, as if a package manager had created it. The next apply removes it again.
    web.ask("mkdir /etc/ssh/spare && echo again > /etc/ssh/spare/note").unwrap();
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
    lab.operator().unwrap().types("nixfleet rollback --yes --host web-1").unwrap().success().unwrap();
    assert_eq!(web.ask(looks).unwrap(), before);
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
    // The operator's key is in this file and also declared in the fleet. Without the file's content, the
    // operator can still log in.
    web.ask(": > /home/deploy/.ssh/authorized_keys").unwrap();
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "unchanged")]));
}

#[test]
fn a_rollback_that_takes_the_way_in_is_refused() {
    let lab = MANAGED_WEB.turn();
    let web = lab.guest("web-1").unwrap();
    adds(
        &lab,
        r#"nixfleet.files."/etc/sudoers.d/operators" = { text = "deploy ALL=(ALL) NOPASSWD: ALL\n"; mode = "0440"; };"#,
    );
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
    // The sudo rule that existed before NixFleet is removed, so only the rule that NixFleet manages is left.
    web.ask("rm /etc/sudoers.d/deploy").unwrap();
    assert_refuses(&lab, "rollback", "NF-416", &["can no longer become root without a password"]);
}
