//! Tests of `bootstrap` with logins that need no password, and of the undo of an installer.

use nixfleet_lab::guest::Guest;
use nixfleet_lab::snapshot::Snapshot;

use super::{BARE, assert_unchanged, document, ended, fingerprint, types, types_with};
use crate::stage::{assert_says, outcomes, outcomes_of};

/// An installer that makes a Nix whose daemon always answers, and the program that removes its work, as the
/// installer of Determinate Systems does.
const INSTALLER: &str = r#"#!/bin/sh
set -e
mkdir -p /nix/var/nix/profiles/default/bin
cat >/nix/var/nix/profiles/default/bin/nix-store <<'END'
#!/bin/sh
[ "$1" = --version ] && echo 'nix-store (Nix) 2.26.3' && exit
echo "error: path '$2' is not valid" >&2
exit 1
END
cat >/nix/nix-installer <<'END'
#!/bin/sh
[ "$*" = 'uninstall --no-confirm' ] && rm -r /nix && echo removed >>/run/uninstalled
END
chmod +x /nix/nix-installer /nix/var/nix/profiles/default/bin/nix-store
"#;

/// The arguments for a login without a password.
const KEY: &str = "--key ~/.ssh/id_ed25519.pub --yes";

#[test]
fn root_and_a_user_with_a_free_sudo_need_no_password_and_an_installer_is_undone() {
    let lab = BARE.turn();
    let (web, operator) = (lab.guest("web-1").unwrap(), lab.operator().unwrap());
    let adopt = format!("nixfleet host adopt web-1 --fingerprint {}", fingerprint(web, "ed25519"));
    types(&lab, &adopt).success().unwrap();
    let bootstrap = |login: &str, more: &str| {
        types_with(&lab, &format!("nixfleet bootstrap web-1 {KEY} --login {login} {more}"), "")
    };
    web.ask("install -d -m 0700 /root/.ssh && cp /home/admin/.ssh/authorized_keys /root/.ssh/").unwrap();

    // The login is that of root. useradd refuses a user whose group exists already, so the work of the
    // installer is undone by the program that it has left.
    operator.guest().files().unwrap().write("/home/ada/installer", INSTALLER).unwrap();
    let digest = operator.types("sha256sum ~/installer").unwrap().success().unwrap();
    let digest = digest.line().split(' ').next().unwrap().to_owned();
    web.ask("groupadd deploy").unwrap();
    let before = Snapshot::take(web).unwrap();
    let installer = format!("--installer ~/installer --installer-sha256 {digest}");
    let finished = bootstrap("root", &installer);
    assert_says(&finished, 2, &["rolled-back", "the step user failed", "undone: user, daemon, installer"]);
    assert_eq!(web.ask("cat /run/uninstalled; ls -d /nix 2>/dev/null; true").unwrap(), "removed");
    assert_unchanged(web, &before);
    web.ask("groupdel deploy").unwrap();

    // One command for two hosts. One of them has a Nix that somebody else has installed and configured.
    let nix = "apt-get -qq update && apt-get -qq install --yes --no-install-recommends nix-bin nix-setup-systemd \
               >/dev/null && echo 'max-jobs = 3' >>/etc/nix/nix.conf && systemctl restart nix-daemon.service";
    web.ask(nix).unwrap();
    let configured = web.ask("cat /etc/nix/nix.conf").unwrap();
    let other = lab.guest("web-2").unwrap();
    other.ask("install -d -m 0700 /root/.ssh && cp /home/admin/.ssh/authorized_keys /root/.ssh/").unwrap();
    let key = fingerprint(other, "ed25519");
    let line = format!("nixfleet bootstrap web-1 web-2 {KEY} --login root --fingerprint {key} --json");
    let finished = types_with(&lab, &line, "");
    assert_eq!(outcomes(&document(&finished)), outcomes_of([("web-1", "ok"), ("web-2", "ok")]), "{finished}");
    let made = |host: &Guest| host.ask("cat /var/lib/nixfleet/bootstrap/1/begun").unwrap();
    assert_eq!(
        (made(web), made(other)),
        ("sudo\nkeys\nuser".into(), "sudo\nkeys\nuser\ndaemon\npackages".into())
    );
    let finished = types_with(&lab, "nixfleet apply web-1 --yes --json", "");
    assert_eq!(outcomes(&document(&finished)), outcomes_of([("web-1", "ok")]), "{finished}");
    assert_eq!(web.ask("cat /etc/nix/nix.conf").unwrap(), configured);

    // A user who may use sudo without a password.
    web.ask("rm /home/deploy/.ssh/authorized_keys").unwrap();
    web.ask(
        "echo 'admin ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/admin && chmod 0440 /etc/sudoers.d/admin",
    )
    .unwrap();
    let finished = bootstrap("admin", "--events");
    assert_eq!(ended(&finished), [("web-1".to_owned(), "ok".to_owned())], "{finished}");
    assert_says(&types_with(&lab, "nixfleet bootstrap web-1 --yes", ""), 0, &["unchanged"]);
}
