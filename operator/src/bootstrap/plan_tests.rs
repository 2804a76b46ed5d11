use std::fmt::Write as _;

use super::*;
use crate::bootstrap::Simulated;
use crate::sample;

const KEY: &str = "ssh-ed25519 AAAA ada";

/// The facts of a Debian host without Nix and without the SSH user.
const BARE: &str = "\
distribution debian
release Debian GNU/Linux 13 (trixie)
machine x86_64
bits 64
systemd 257
apt 3.0.3
lists 2
package nix-bin - 2.26.3+dfsg-1
package nix-setup-systemd - 2.26.3+dfsg-1
package sudo 1.9.16p2-3 1.9.16p2-3
space /nix 4194304 900000
space /var 4194304 -
sudo yes
hostKey ssh-ed25519 BBBB
";

/// The line of the step that installs Nix on this host.
const NIX: &str = "packages nix-bin=2.26.3+dfsg-1 nix-setup-systemd=2.26.3+dfsg-1";

fn planned(facts: &str, change: impl FnOnce(&mut Host, &mut Vec<String>)) -> BootstrapPlan {
    let (mut host, mut keys) = (sample::host("web-1"), vec![KEY.to_owned()]);
    change(&mut host, &mut keys);
    let target = BootstrapTarget { host: &host, keys: &keys, installer: None, has_login: false };
    BootstrapPlan::of(&target, &Facts::parse(facts))
}

fn text(plan: &BootstrapPlan) -> String {
    let mut text = String::new();
    for planned in &plan.steps {
        let (step, state) = (planned.step.as_str(), planned.state.as_str());
        writeln!(text, "{step}: {state}: {}", planned.detail).unwrap();
    }
    text
}

/// The reason and the help of a host that is refused.
fn refused(facts: &str) -> String {
    let plan = planned(facts, |_, _| {});
    assert!(!plan.is_to_change());
    let problem = plan.refusal("web-1").unwrap();
    format!("{} -> {}", problem.why.unwrap(), problem.help.unwrap())
}

#[test]
fn a_bare_host_gets_everything() {
    let plan = planned(BARE, |_, _| {});
    expect_test::expect![[r"
        platform: done already: Debian GNU/Linux 13 (trixie), x86_64-linux
        space: done already: at least 512 MiB free
        packages: to do: install nix-bin 2.26.3+dfsg-1, nix-setup-systemd 2.26.3+dfsg-1
        daemon: to do: enable and start it
        user: to do: create deploy
        keys: to do: add 1 key to deploy
        sudo: to do: let deploy become root without a password
        host-key: done already: ed25519
    "]]
    .assert_eq(&text(&plan));
    assert!(plan.is_to_change());
    assert_eq!(plan.lines(None), [NIX, "daemon", "user", "keys", "sudo"]);
    assert_eq!(plan.keys, KEY);
}

#[test]
fn a_prepared_host_has_nothing_to_do() {
    let facts = format!(
        "{BARE}nix 2.26.3\ndaemon answers\nunit nix-daemon.socket enabled\nuser 1000 /home/deploy /bin/bash\n\
         key ssh-ed25519 AAAA\nroot yes\n"
    );
    let plan = planned(&facts, |_, _| {});
    assert!(!plan.is_to_change() && !plan.is_refused(), "{}", text(&plan));
    assert!(plan.lines(None).is_empty());
}

#[test]
fn root_needs_neither_an_account_nor_sudo() {
    let bare = BARE.replace("sudo yes\n", "").replace("package sudo 1.9.16p2-3", "package sudo -");
    let plan = planned(&bare, |host, _| host.ssh.user = "root".into());
    assert_eq!(plan.lines(None), [NIX, "daemon", "keys"]);
    let plan = planned(&bare, |_, _| {});
    assert_eq!(plan.lines(None)[0], format!("{NIX} sudo=1.9.16p2-3"));
}

#[test]
fn a_nix_of_any_installer_is_kept() {
    let with = |more: &str| planned(&format!("{BARE}nix 2.31.1\n{more}"), |_, _| {}).lines(None);
    assert_eq!(with("daemon answers\nunit nix-daemon.socket linked\n"), ["user", "keys", "sudo"]);
    let daemon = ["daemon", "user", "keys", "sudo"];
    assert_eq!(with("daemon answers\nunit nix-daemon.socket disabled\n"), daemon);
    assert_eq!(with("daemon silent refused\nunit nix-daemon.socket enabled\n"), daemon);
}

#[test]
fn an_installer_replaces_the_packages_of_nix() {
    let installer = Installer {
        program: b"x".as_slice().into(),
        digest: "0123456789abcdef".into(),
        arguments: vec!["install".into(), "--no confirm".into()],
    };
    let (host, keys) = (sample::host("web-1"), vec![KEY.to_owned()]);
    let target = BootstrapTarget { host: &host, keys: &keys, installer: Some(&installer), has_login: false };
    let plan = BootstrapPlan::of(&target, &Facts::parse(BARE));
    let lines = plan.lines(Some(&installer));
    assert_eq!(
        lines[..4],
        ["installer 0123456789abcdef", "argument install", "argument --no confirm", "daemon"]
    );
}

#[test]
fn a_host_that_cannot_be_prepared_is_refused_with_the_reason() {
    for (from, to, saying) in [
        ("distribution debian", "distribution nixos", "NixOS"),
        ("distribution debian", "distribution fedora", "neither Debian nor Ubuntu"),
        ("bits 64", "bits 32", "32-bit"),
        ("machine x86_64", "machine riscv64", "riscv64 is not supported"),
        ("machine x86_64", "machine aarch64", "hosts.web-1.system = \"aarch64-linux\";"),
        ("systemd 257\n", "", "systemd does not run"),
        ("apt 3.0.3", "apt 1.8.2.3", "apt is too old: it is 1.8.2.3"),
        ("apt 3.0.3\n", "", "apt is too old: it is missing"),
        ("lists 2", "lists 2\ndpkg The following packages", "dpkg --configure -a"),
        ("- 2.26.3+dfsg-1\npackage nix-setup", "- -\npackage nix-setup", "have no nix-bin"),
        ("nix-bin - 2.26.3+dfsg-1", "nix-bin - 1.11.15", "nix-bin 1.11.15 is too old"),
        ("/nix 4194304 900000", "/nix 102400 900000", "/nix has only 100 MiB free"),
        ("/nix 4194304 900000", "/nix 4194304 12", "12 inodes"),
        ("hostKey", "running ada@laptop\nhostKey", "that of ada@laptop"),
        ("hostKey", "nix 1.11.16\ndaemon answers\nhostKey", "Nix 1.11.16 is too old"),
        ("hostKey", "nix 2.8.0\ndaemon silent no socket\nhostKey", "no daemon that answers: no socket"),
        ("hostKey", "rules /etc/sudoers.d/theirs:1:5: syntax error\nhostKey", "visudo --check"),
        ("hostKey", "user 1000 /home/deploy /usr/sbin/nologin\nhostKey", "usermod --shell /bin/bash deploy"),
    ] {
        assert!(BARE.contains(from), "{from}");
        let said = refused(&BARE.replacen(from, to, 1));
        assert!(said.contains(saying), "{saying}: {said}");
    }
    // Derived distributions are Debian too.
    assert!(planned(&BARE.replace("debian", "pop\nlike ubuntu debian"), |_, _| {}).is_to_change());
    // Without lists of packages, apt fetches them before it installs.
    let unknown = BARE.replace("lists 2", "lists 0").replace("- 2.26.3+dfsg-1", "- -");
    assert!(planned(&unknown, |_, _| {}).is_to_change());
}

#[test]
fn hosts_with_ubuntu_are_prepared_and_other_distributions_are_refused() {
    let with =
        |lines: &str| BARE.replacen("distribution debian\nrelease Debian GNU/Linux 13 (trixie)\n", lines, 1);
    for (release, apt, nix) in
        [("22.04.5 LTS", "2.4.13", "2.6.0+dfsg-3"), ("24.04.1 LTS", "2.7.14", "2.18.1+dfsg-1")]
    {
        let lines = format!("distribution ubuntu\nlike debian\nrelease Ubuntu {release}\n");
        let facts = with(&lines).replace("apt 3.0.3", &format!("apt {apt}")).replace("2.26.3+dfsg-1", nix);
        let plan = planned(&facts, |_, _| {});
        assert!(!plan.is_refused() && plan.is_to_change(), "{}", text(&plan));
        assert!(
            text(&plan).starts_with(&format!("platform: done already: Ubuntu {release}, x86_64-linux\n"))
        );
        assert_eq!(plan.lines(None)[0], format!("packages nix-bin={nix} nix-setup-systemd={nix}"));
    }
    for (id, like, release) in [
        ("fedora", "", "Fedora Linux 41"),
        ("rocky", "rhel centos fedora", "Rocky Linux 9.5"),
        ("alpine", "", "Alpine Linux v3.21"),
        ("arch", "", "Arch Linux"),
        ("opensuse-leap", "suse opensuse", "openSUSE Leap 15.6"),
        // These ids only contain the names.
        ("debianish", "notubuntu", "Debianish 1"),
        ("", "", ""),
    ] {
        let said = refused(&with(&format!("distribution {id}\nlike {like}\nrelease {release}\n")));
        let shown = if release.is_empty() { "an unknown system" } else { release };
        let reason =
            format!("the host runs {shown}, which is neither Debian nor Ubuntu nor derived from them");
        assert!(said.contains(&reason) && said.ends_with("-> install Debian or Ubuntu"), "{id}: {said}");
    }
}

#[test]
fn somebody_must_be_able_to_log_in_afterwards() {
    let plan = planned(BARE, |_, keys| keys.clear());
    let problem = plan.refusal("web-1").unwrap();
    assert!(problem.help.unwrap().contains("hosts.web-1.ssh.authorizedKeys"));
    let own = format!("{BARE}user 1000 /home/deploy /bin/bash\nkey ssh-rsa CCCC\n");
    assert!(planned(&own, |_, keys| keys.clear()).is_to_change());
}

#[test]
fn nobody_interferes_with_a_bootstrap_whose_operator_may_be_checking_the_host() {
    let recent = refused(&format!("{BARE}earlier 0f 12 ada@laptop\n"));
    assert!(recent.contains("ada@laptop has not ended"), "{recent}");
    assert!(recent.contains("wait 288 seconds"), "{recent}");
    // Later, the record is completed together with the steps that are missing.
    let plan = planned(&format!("{BARE}earlier 0f 301 ada@laptop\n"), |_, _| {});
    assert_eq!(plan.earlier.as_deref(), Some("0f"));
    assert!(plan.lines(None).iter().all(|line| line != "record"), "{:?}", plan.lines(None));
    // Without missing steps, it is completed at once: the check of both operators is the same.
    let done =
        "nix 2.26.3\ndaemon answers\nuser 1000 /home/deploy /bin/bash\nkey ssh-ed25519 AAAA\nroot yes\n";
    let plan = planned(&format!("{BARE}{done}earlier 0f 12 ada@laptop\n"), |_, _| {});
    assert!(plan.is_to_change() && plan.lines(None).is_empty(), "{plan:?}");
    assert!(!planned(&format!("{BARE}{done}"), |_, _| {}).is_to_change());
}

#[test]
fn a_plan_has_everything_that_apt_upgrades() {
    let mut plan = planned(BARE, |_, _| {});
    assert_eq!(plan.to_simulate(), ["nix-bin", "nix-setup-systemd"]);
    plan.simulated(Simulated::parse("upgrade libc6\nupgrade libssl3t64\nend\n"));
    assert!(text(&plan).contains("nix-setup-systemd 2.26.3+dfsg-1; upgrade libc6, libssl3t64\n"), "{plan:?}");
    assert_eq!(plan.lines(None)[..3], [NIX, "upgrade libc6", "upgrade libssl3t64"]);

    plan.simulated(Simulated::parse("refused  nix-bin : Depends: libc6 (>= 3)\nend\n"));
    let problem = plan.refusal("web-1").unwrap();
    assert!(problem.why.unwrap().contains("Depends: libc6 (>= 3)"));
    // Without lists of packages, nothing can be simulated.
    let unknown = BARE.replace("lists 2", "lists 0").replace("- 2.26.3+dfsg-1", "- -");
    assert!(planned(&unknown, |_, _| {}).to_simulate().is_empty());
}

#[test]
fn a_step_without_a_report_was_interrupted() {
    let plan = planned(BARE, |_, _| {});
    let steps = plan.steps.iter().filter(|planned| planned.state == StepState::ToDo);
    let mut reported: Vec<_> =
        steps.map(|planned| Reported { step: planned.step, end: StepEnd::Done }).collect();
    assert_eq!(plan.not_done(&reported), None);
    let last = reported.iter().rposition(|it| it.step != Step::Record).unwrap();
    let step = reported[last].step;
    reported[last].end = StepEnd::Failed;
    assert_eq!(plan.not_done(&reported), Some(step));
    reported.remove(last);
    assert_eq!(plan.not_done(&reported), Some(step));
}
