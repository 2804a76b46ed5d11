//! Test of a Nix that an installer has made, instead of packages of the distribution.

use super::{BARE, LOGIN, ONLY_RSA, document, fingerprint, steps, types};
use crate::stage::{assert_says, outcomes, outcomes_of};

/// A stand-in for the installers of Nix itself and of Determinate Systems: it makes a Nix for several users
/// with their layout, with the programs in the default profile, the units in `/etc/systemd/system` and no
/// package of the distribution that has Nix. The programs are those of Debian's packages, and need Debian's
/// libraries.
const INSTALLER: &str = r#"#!/bin/sh
set -e
[ "$1" = "--really do" ]
apt-get update
apt-get install --yes --no-install-recommends nix-bin nix-setup-systemd
bin=/nix/var/nix/profiles/default/bin
mkdir -p /root/nix && cp -a /usr/bin/nix* /root/nix/
for unit in nix-daemon.service nix-daemon.socket; do
  cp "$(systemctl show --property FragmentPath --value $unit)" /root/nix/$unit
done
systemctl stop nix-daemon.socket nix-daemon.service
dpkg --purge nix-setup-systemd nix-bin
getent group nixbld >/dev/null || groupadd --system nixbld
for number in 1 2 3; do
  id nixbld$number 2>/dev/null || useradd --system --gid nixbld --groups nixbld --no-create-home nixbld$number
done
mkdir -p $bin /etc/nix
mv /root/nix/nix-daemon.service /root/nix/nix-daemon.socket /etc/systemd/system/
mv /root/nix/nix* $bin/ && rmdir /root/nix
sed -i "s|/usr/bin/nix|$bin/nix|g" /etc/systemd/system/nix-daemon.service
echo 'build-users-group = nixbld' >/etc/nix/nix.conf
systemctl daemon-reload
"#;

#[test]
fn a_host_without_an_ed25519_key_gets_one_and_an_installer_may_bring_nix() {
    let lab = BARE.turn();
    let web = lab.guest("web-1").unwrap();
    web.ask(ONLY_RSA).unwrap();
    let key = fingerprint(web, "rsa");
    let operator = lab.operator().unwrap();
    operator.guest().files().unwrap().write("/home/ada/installer", INSTALLER).unwrap();
    let digest = operator.types("sha256sum ~/installer").unwrap().success().unwrap();
    let digest = digest.line().split(' ').next().unwrap().to_owned();
    let with = |digest: &str| {
        let installer =
            format!("--installer ~/installer --installer-sha256 {digest} --installer-argument '--really do'");
        types(&lab, &format!("nixfleet bootstrap web-1 {LOGIN} --fingerprint {key} {installer} --yes"))
    };
    assert_says(&with(&digest.replace(char::is_numeric, "a")), 1, &["NF-101", "another digest"]);
    assert_says(&with(&digest), 0, &["done: installer, daemon, user, keys, sudo, host-key"]);
    let own = web.ask("cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub").unwrap();
    let recorded = lab.operator().unwrap().types("cat host-keys.json").unwrap().stdout;
    assert!(recorded.contains(&own), "{recorded}");
    let applies = || {
        let finished = types(&lab, "nixfleet apply web-1 --yes --json");
        assert_eq!(outcomes(&document(&finished)), outcomes_of([("web-1", "ok")]), "{finished}");
    };
    applies();

    // From now on, this Nix is one that stood before, and a bootstrap keeps it.
    web.ask("rm /home/deploy/.ssh/authorized_keys").unwrap();
    let key = fingerprint(web, "ed25519");
    let again = types(&lab, &format!("nixfleet bootstrap web-1 {LOGIN} --fingerprint {key} --yes --json"));
    assert_eq!(outcomes(&document(&again)), outcomes_of([("web-1", "ok")]), "{again}");
    assert_eq!(steps(&document(&again), "toDo"), ["keys"], "{again}");
    operator
        .edits(
            "roles/web.nix",
            "  nixfleet.users.web.description",
            "  nixfleet.files.\"/etc/more\".text = \"more\";\n  nixfleet.users.web.description",
        )
        .unwrap();
    applies();
    assert_eq!(web.ask("cat /etc/more; ls /usr/bin/nix* 2>/dev/null; true").unwrap(), "more");
    assert!(!web.sh("dpkg-query --show nix-bin nix-setup-systemd").unwrap().ok());
}
