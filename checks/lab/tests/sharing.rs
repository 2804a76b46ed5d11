//! Tests of labs that several tests share: each test must find such a lab in the same state as the first test
//! did.

use nixfleet_lab::command::wait_until;
use nixfleet_lab::condition::Condition;
use nixfleet_lab::lab::BOOT_LIMIT;

use crate::stage::lone;
use crate::stage::shared::Shared;

static LAB: Shared = Shared::restored(|| lone("web-1"));

/// The traces that a test can leave on a host. Each has a script that leaves the trace, and a script that
/// succeeds while the trace exists.
const TRACES: [(&str, &str); 13] = [
    ("touch /etc/left", "test -e /etc/left"),
    ("rm /etc/motd", "! test -e /etc/motd"),
    ("echo x >>/etc/hosts && touch -d 2020-01-01 /etc/hosts", "grep x$ /etc/hosts"),
    ("chmod 0711 /usr/local/lib", "test $(stat -c %a /usr/local/lib) = 711"),
    ("mv /usr/bin/unshare /usr/bin/left", "test -e /usr/bin/left"),
    ("useradd left", "getent passwd left"),
    ("touch /run/left", "test -e /run/left"),
    ("mkdir -p /run/systemd/system/left.service.d", "test -e /run/systemd/system/left.service.d"),
    ("mkdir /tmp/left && mount -t tmpfs tmpfs /tmp/left", "grep /tmp/left /proc/mounts"),
    ("ip route add unreachable 10.0.9.9/32", "ip route | grep 10.0.9.9"),
    ("ip address add 10.0.1.99/24 dev host0", "ip address | grep 10.0.1.99"),
    ("systemd-run --quiet --unit=left sleep infinity", "systemctl is-active left"),
    ("setsid sleep 600 >/dev/null 2>&1 &", "pgrep --full '^sleep 600'"),
];

#[test]
fn a_test_finds_a_shared_lab_as_the_first_test_did() {
    let lab = LAB.turn();
    let boot = lab.guest("web-1").unwrap().boot_id().unwrap();
    lab.operator().unwrap().types("ssh deploy@web-1 true").unwrap().success().unwrap();
    drop(lab);

    // The login in the first use of the lab left no trace, so web-1 was not booted again.
    let lab = LAB.turn();
    let (web, operator) = (lab.guest("web-1").unwrap(), lab.operator().unwrap());
    assert_eq!(web.boot_id().unwrap(), boot);
    let edits = "echo edit >fleet.nix; echo 'Host *' >~/.ssh/config; touch ~/left /tmp/left; chmod 0700 ~";
    operator.types(edits).unwrap().success().unwrap();
    let operator_boot = operator.guest().boot_id().unwrap();
    for (leaves, is_there) in TRACES {
        let before = Condition::take(web).unwrap();
        web.ask(leaves).unwrap();
        wait_until(leaves, BOOT_LIMIT, || Ok(web.sh(is_there)?.ok())).unwrap();
        assert_ne!(before.changes(web, &[]).unwrap(), "", "nobody sees `{leaves}`");
    }
    drop(lab);

    let lab = LAB.turn();
    let (web, operator) = (lab.guest("web-1").unwrap(), lab.operator().unwrap());
    assert_ne!(web.boot_id().unwrap(), boot);
    for (leaves, is_there) in TRACES {
        assert!(!web.sh(is_there).unwrap().ok(), "the trace of `{leaves}` is still there");
    }
    assert_eq!(operator.guest().boot_id().unwrap(), operator_boot);
    let none = "! ls ~/.ssh/config ~/left /tmp/left && test $(stat -c %a ~) != 700 && grep hosts fleet.nix";
    operator.types(none).unwrap().success().unwrap();
    operator.guest().ask("touch /etc/left").unwrap();
    web.power_cut().unwrap();
    drop(lab);

    let lab = LAB.turn();
    assert!(lab.guest("web-1").unwrap().powered());
    assert!(!lab.operator().unwrap().guest().files().unwrap().exists("/etc/left"));
}
