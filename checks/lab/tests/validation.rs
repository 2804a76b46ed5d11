//! Tests of changes that a host refuses before it is changed: the plan is for another host, or the host's own
//! tools reject a file or a unit.

use nixfleet_lab::lab::Lab;
use serde_json::Value;

use crate::stage::shared::MANAGED_WEB;
use crate::stage::{
    adds, applies, assert_apply_refuses, assert_as_before, assert_refuses, assert_refuses_each, assert_says,
    converged, generation, lone, outcomes, outcomes_of, snapshots,
};

/// Swaps two addresses in the inventory, so that web-1 is mistaken for web-2, and web-2 for web-1.
fn swaps_addresses(lab: &Lab) {
    let operator = lab.operator().unwrap();
    operator.edits("fleet.nix", "addr = \"web-1\";", "addr = \"web-?\";").unwrap();
    operator.edits("fleet.nix", "addr = \"web-2\";", "addr = \"web-1\";").unwrap();
    operator.edits("fleet.nix", "addr = \"web-?\";", "addr = \"web-2\";").unwrap();
}

#[test]
fn a_host_is_not_taken_for_another_one() {
    let lab = converged();
    let operator = lab.operator().unwrap();
    operator.edits("roles/web.nix", "message = \"hello\"", "message = \"good morning\"").unwrap();
    assert_eq!(applies(&lab, "--tag web"), outcomes_of([("web-1", "ok"), ("web-2", "ok")]));
    swaps_addresses(&lab);
    let before = snapshots(&lab);
    for command in ["plan", "apply --yes", "rollback --yes --to 1"] {
        let line = format!("nixfleet {command} --json --tag web");
        let (finished, document) = operator.types_for_json(&line).unwrap();
        assert_eq!(finished.code, 2, "{finished}");
        assert_eq!(outcomes(&document), outcomes_of([("web-1", "blocked"), ("web-2", "blocked")]));
        let problem: &Value = &document["hosts"][0]["problem"];
        assert_eq!(problem["code"], "NF-417", "{finished}");
        assert!(problem["what"].as_str().unwrap().contains("web-2"), "{finished}");
    }
    assert_as_before(&before);

    // With `--force host-name`, the swap is accepted as intended.
    assert_eq!(applies(&lab, "--tag web --force host-name"), outcomes_of([("web-1", "ok"), ("web-2", "ok")]));
    assert_eq!(lab.guest("web-2").unwrap().ask("cat /etc/motd").unwrap(), "This is web-1, a web server.");
    assert_eq!(applies(&lab, "--tag web"), outcomes_of([("web-1", "unchanged"), ("web-2", "unchanged")]));
    // A rollback needs no `--force`, because the previous generation was made for this host.
    let (finished, _) = operator.types_for_json("nixfleet rollback --yes --json --tag web").unwrap();
    assert!(finished.ok(), "{finished}");
    assert_eq!(lab.guest("web-2").unwrap().ask("cat /etc/motd").unwrap(), "This is web-2, a web server.");
}

/// Asserts that each addition to the role is refused with these texts.
fn each_is_refused(cases: &[(&str, &[&str])]) {
    assert_refuses_each(&MANAGED_WEB.turn(), "NF-408", cases);
}

#[test]
fn rules_that_sudo_cannot_read_are_refused() {
    each_is_refused(&[
        (
            r#"nixfleet.files."/etc/sudoers.d/web" = { text = "web ALL=(ALL NOPASSWD: ALL\n"; mode = "0440"; };"#,
            &["sudo refused", "/etc/sudoers.d/web", "syntax error"],
        ),
        // This rule is valid, but the mode of its file is not.
        (
            r#"nixfleet.files."/etc/sudoers.d/web" = { text = "web ALL=(ALL) NOPASSWD: ALL\n"; mode = "0666"; };"#,
            &["sudo refused", "/etc/sudoers.d/web", "0440"],
        ),
    ]);
}

#[test]
fn a_configuration_that_sshd_cannot_read_is_refused() {
    each_is_refused(&[
        (
            r#"nixfleet.files."/etc/ssh/sshd_config.d/10-web.conf".text = "PermitRotLogin no\n";"#,
            &["sshd refused", "/etc/ssh/sshd_config.d/10-web.conf", "PermitRotLogin"],
        ),
        (
            r#"nixfleet.files."/etc/ssh/sshd_config.d/10-web.conf".text = "Match User\n";"#,
            &["sshd refused", "/etc/ssh/sshd_config.d/10-web.conf"],
        ),
    ]);
}

#[test]
fn a_unit_that_systemd_finds_wrong_is_refused() {
    each_is_refused(&[
        (
            r#"nixfleet.systemd.units."job.service".sections.Service = { ExecStart = "/usr/bin/true"; Restrat = "no"; };"#,
            &["systemd refused", "job.service", "Restrat", "verify = false"],
        ),
        (
            r#"nixfleet.systemd.units."job.service".sections.Service.ExecStart = "/opt/no/such/program";"#,
            &["job.service", "/opt/no/such/program"],
        ),
        (
            r#"nixfleet.systemd.units."job@.service".sections.Service.ExecStart = "/opt/no/such/program %i";"#,
            &["job@", "/opt/no/such/program"],
        ),
        (
            r#"nixfleet.systemd.units."cron.service".sections.Service.Type = "oneshot";"#,
            &["cron.service", "ExecStart"],
        ),
        (
            r#"nixfleet.systemd.units."ssh.service".dropIns."10-web.conf".sections.Service.MemoryMaxx = "1G";"#,
            &["ssh.service.d/10-web.conf", "MemoryMaxx"],
        ),
    ]);
}

#[test]
fn what_is_right_passes_and_what_should_not_be_verified_too() {
    let lab = MANAGED_WEB.turn();
    let web = lab.guest("web-1").unwrap();
    // Add an unmanaged unit with errors.
    web.ask("printf '[Service]\\nExecStart=/opt/gone\\nNonsense=1\\n' > /etc/systemd/system/noise.service")
        .unwrap();
    adds(
        &lab,
        r##"
  nixfleet.files."/opt/app/run" = {
    text = "#!/bin/sh\n";
    mode = "0755";
  };
  nixfleet.systemd.units."app.service".sections = {
    Unit = { Wants = "noise.service"; After = "noise.service"; };
    Service = { Type = "oneshot"; ExecStart = "/opt/app/run"; };
  };
  nixfleet.systemd.units."app@.service".sections.Service.ExecStart = "/opt/app/run %i";
  nixfleet.systemd.units."ssh.service".dropIns."10-web.conf".sections.Service.MemoryMax = "1G";
  nixfleet.systemd.units."odd.service" = {
    verify = false;
    sections.Service = { ExecStart = "/usr/bin/true"; NotKnownHere = 1; };
  };
  nixfleet.files."/etc/sudoers.d/web" = {
    text = "web ALL=(ALL) NOPASSWD: /usr/bin/true\n";
    mode = "0440";
  };
  nixfleet.files."/etc/ssh/sshd_config.d/10-web.conf".text = "MaxAuthTries 5\n";"##,
    );
    let operator = lab.operator().unwrap();
    let (finished, document) = operator.types_for_json("nixfleet apply --yes --json --host web-1").unwrap();
    assert_eq!(outcomes(&document), outcomes_of([("web-1", "ok")]), "{finished}");
    assert_eq!(document["hosts"][0]["report"].get("notes"), None, "{finished}");
    // The mounts of the preview, in which the files were checked, are removed.
    assert_eq!(web.ask("grep -c nixfleet-preview /proc/self/mounts || true").unwrap(), "0");
}

#[test]
fn where_no_preview_can_be_had_files_are_checked_one_by_one_and_that_is_said() {
    let lab = MANAGED_WEB.turn();
    let web = lab.guest("web-1").unwrap();
    web.ask("mv /usr/bin/unshare /usr/bin/unshare.away").unwrap();
    let file = |text: &str| {
        format!(r#"nixfleet.files."/etc/sudoers.d/web" = {{ text = "{text}\n"; mode = "0440"; }};"#)
    };
    adds(&lab, &file("web ALL=(ALL NOPASSWD: ALL"));
    assert_refuses(&lab, "apply", "NF-408", &["sudo refused", "/etc/sudoers.d/web", "syntax error"]);
    let operator = lab.operator().unwrap();
    operator.resets_fleet().unwrap();
    adds(&lab, &file("web ALL=(ALL) NOPASSWD: /usr/bin/true"));
    // A tool that exists but cannot be started must not be treated as missing.
    web.ask("chmod a-x /usr/sbin/visudo").unwrap();
    assert_refuses(&lab, "apply", "NF-408", &["sudo could not check", "visudo: Permission denied"]);
    web.ask("mv /usr/bin/unshare.away /usr/bin/unshare").unwrap();
    assert_refuses(&lab, "apply", "NF-408", &["sudo could not check", "visudo: Permission denied"]);
    web.ask("mv /usr/bin/unshare /usr/bin/unshare.away; chmod a+x /usr/sbin/visudo").unwrap();
    let finished = operator.types("nixfleet apply --yes --host web-1").unwrap();
    assert!(
        finished.ok() && finished.stdout.contains("note: the new generation could not be checked as a whole"),
        "{finished}"
    );
}

/// The changes that a plan must refuse, each with the expected texts.
const FORESEEN: [(&str, &[&str]); 5] = [
    (
        r#"nixfleet.files."/etc/sudoers.d/web" = { text = "web ALL=(ALL NOPASSWD: ALL\n"; mode = "0440"; };"#,
        &["[NF-408] sudo refused", "/etc/sudoers.d/web", "syntax error"],
    ),
    (
        r#"nixfleet.systemd.units."job.service".sections.Service = { ExecStart = "/usr/bin/true"; Restrat = "no"; };"#,
        &["[NF-408] systemd refused", "job.service", "Restrat"],
    ),
    (
        r#"nixfleet.files."/etc/ssh/sshd_config.d/10-web.conf".text = "AllowUsers ada\n";"#,
        &["[NF-416]", "AllowUsers: the list does not contain deploy"],
    ),
    (
        r#"nixfleet.files."/etc/app.conf" = { text = "v=1\n"; validate = [ "/bin/sh" "-c" "cat %s; exit 1" ]; };"#,
        &["[NF-408] the command `/bin/sh` did not accept the new content", "/etc/app.conf", "v=1"],
    ),
    (
        r#"nixfleet.users.one.uid = 1;"#,
        &["[NF-407] the id 1 of `one` is already in use", "`daemon` has this id"],
    ),
];

#[test]
fn a_plan_says_what_an_apply_would_refuse() {
    let lab = lone("web-1");
    let (operator, web) = (lab.operator().unwrap(), lab.guest("web-1").unwrap());
    let refuses_each = || {
        let before = snapshots(&lab);
        for (nix, sayings) in FORESEEN {
            adds(&lab, nix);
            assert_says(&operator.types("nixfleet plan --host web-1").unwrap(), 2, sayings);
            operator.resets_fleet().unwrap();
        }
        assert_as_before(&before);
        assert_eq!(web.ask("grep -c nixfleet-preview /proc/*/mounts | grep -v :0 || true").unwrap(), "");
        assert_eq!(
            web.ask("ls -d /tmp/tmp.* /var/tmp/nixfleet.* /dev/shm/nixfleet 2>/dev/null || true").unwrap(),
            ""
        );
    };
    // On a host that NixFleet has never changed, the plan uploads the activator and removes it again.
    refuses_each();
    assert_eq!(web.ask("ls -d /run/nixfleet || true").unwrap(), "");
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
    // On a managed host, the plan uses the host's own activator and uploads the contents of files.
    refuses_each();

    // A plan reports all refusals at once, or none with `--no-validate`.
    for (nix, _) in &FORESEEN[..4] {
        adds(&lab, nix);
    }
    let plan = operator.types("nixfleet plan --host web-1").unwrap();
    assert_says(&plan, 2, &["sudo refused", "systemd refused", "NF-416", "`/bin/sh` did not accept"]);
    let hurried = operator.types("nixfleet plan --host web-1 --no-validate").unwrap();
    let unsaid = "not validated for this plan: --no-validate skips it";
    assert_says(
        &hurried,
        0,
        &[unsaid, "the rules of sudo", "job.service", "the login of deploy", "/etc/app.conf"],
    );
    assert_says(&operator.types("nixfleet apply --yes --host web-1 --no-validate").unwrap(), 2, &["NF-408"]);
    assert_eq!(generation(web), 1);
}

#[test]
fn what_others_may_not_read_is_in_no_plan() {
    let lab = MANAGED_WEB.turn();
    let (operator, web) = (lab.operator().unwrap(), lab.guest("web-1").unwrap());
    let file = |text: &str, mode: &str| {
        format!(
            r#"nixfleet.files."/etc/web/secret.env" = {{ text = "{text}\n"; mode = "{mode}"; validate = [ "/bin/grep" "-v" "wrong" "%s" ]; }};"#
        )
    };
    let shows = |text: &str, mode: &str| {
        adds(&lab, &file(text, mode));
        let saved = "nixfleet plan --host web-1 --out /tmp/plan && cat /tmp/plan && nixfleet plan -v --host web-1 && \
                     nixfleet plan --host web-1 --json && nixfleet plan --host web-1 --events";
        let plan = operator.types(saved).unwrap();
        assert_says(
            &plan,
            0,
            &[
                "/etc/web/secret.env",
                "content not shown, since other users on the host may \
                                                        not read it",
            ],
        );
        assert!(!plan.stdout.contains("hunter") && !plan.stderr.contains("hunter"), "{plan}");
        operator.resets_fleet().unwrap();
    };
    shows("password=hunter1", "0600");
    adds(&lab, &file("password=hunter1", "0600"));
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
    operator.resets_fleet().unwrap();
    // The previous content stays private, even if the new content is public.
    shows("public", "0644");
    adds(&lab, &file("password=hunter2", "0600"));
    for line in ["--json", "--events", "--out /tmp/plan", "| cat"] {
        let line = format!("set -o pipefail; nixfleet plan --host web-1 --show-private {line}");
        assert_says(&operator.types(&line).unwrap(), 1, &["NF-101", "--show-private"]);
    }
    let on_a_terminal = r#"script -qec "nixfleet plan --host web-1 --show-private" /dev/null"#;
    assert_says(&operator.types(on_a_terminal).unwrap(), 0, &["password=hunter1", "password=hunter2"]);
    operator.resets_fleet().unwrap();

    // If a validator rejects the content and prints it, the content is not shown either.
    let said = r#"{ text = "password=wrong-hunter3\n"; mode = "0640"; validate = [ "/bin/sh" "-c" "cat %s >&2; exit 1" ]; }"#;
    adds(&lab, &format!(r#"nixfleet.files."/etc/web/secret.env" = {said};"#));
    for line in ["plan", "plan --json", "apply --yes --no-validate"] {
        let finished =
            operator.types(&format!("nixfleet {line} --host web-1; nixfleet history --json")).unwrap();
        assert!(!finished.stdout.contains("hunter") && !finished.stderr.contains("hunter"), "{finished}");
    }
    assert_refuses(&lab, "apply", "NF-408", &["did not accept the new content", "/etc/web/secret.env", "…"]);
    let kept = operator
        .types("grep --recursive --text --files-with-matches hunter .local /home/ada/.local")
        .unwrap();
    assert_eq!(kept.stdout, "");
    assert_eq!(web.ask("cat /etc/web/secret.env").unwrap(), "password=hunter1");
}

/// Returns Nix code for a user, and for a file of that user, which a script must accept. The script receives
/// the path of the file as `$1`.
fn newcomer(name: &str, script: &str) -> String {
    format!(
        r#"
  nixfleet.users.{name}.extraGroups = [ "adm" ];
  nixfleet.files."/etc/{name}.conf" = {{
    text = "for {name}\n";
    owner = "{name}";
    group = "{name}";
    mode = "0640";
    validate = [ "/bin/sh" "-ec" "{script}" "sh" "%s" ];
  }};"#
    )
}

#[test]
fn a_file_that_its_own_command_refuses_leaves_no_account_behind() {
    let lab = MANAGED_WEB.turn();
    let web = lab.guest("web-1").unwrap();
    let operator = lab.operator().unwrap();
    let refuses = |name: &str, script: &str, sayings: &[&str]| {
        adds(&lab, &newcomer(name, script));
        assert_refuses(&lab, "apply", "NF-408", sayings);
        assert!(!web.sh(&format!("getent passwd {name} || getent group {name}")).unwrap().ok());
        assert!(!web.files().unwrap().exists("/var/lib/nixfleet/journal.json"));
        operator.resets_fleet().unwrap();
    };
    refuses("one", "echo I will not >&2; exit 1", &["/etc/one.conf", "I will not", "nothing was changed"]);

    // The validating command sees the new account before the account is really created.
    let closed = r#"test $(stat -c %u:%g:%a $1) = 0:0:600 && grep -q for $1"#;
    adds(&lab, &newcomer("two", &format!("id -nG two | grep -qw adm && {closed}")));
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
    assert_eq!(web.ask("stat -c '%U %G %a' /etc/two.conf").unwrap(), "two two 640");
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "unchanged")]));
    assert_eq!(web.ask("grep -c nixfleet-preview /proc/self/mounts || true").unwrap(), "0");
    operator.resets_fleet().unwrap();

    // Without `unshare`, the validating command cannot see the new accounts. This is reported, whether the
    // command fails or succeeds.
    web.ask("mv /usr/bin/unshare /usr/bin/unshare.away").unwrap();
    let unseen = "did not see the new accounts";
    adds(&lab, &newcomer("three", "id three"));
    assert_apply_refuses(&lab, "apply", "NF-408", &["/etc/three.conf", "no such user", unseen]);
    assert!(!web.sh("getent passwd three || getent group three").unwrap().ok());
    operator.resets_fleet().unwrap();
    adds(&lab, &newcomer("four", closed));
    let finished = operator.types("nixfleet apply --yes --host web-1").unwrap();
    assert!(finished.ok() && finished.stdout.contains(unseen), "{finished}");
    assert_eq!(web.ask("stat -c '%U %G %a' /etc/four.conf").unwrap(), "four four 640");
}
