//! Tests of attacks with FUSE filesystems of mallory's, whose program leaves requests unanswered.

use std::thread;

use nixfleet_lab::command::Program;
use serde_json::{Value, json};

use super::{apply, stage};
use crate::stage::assert_says;
use crate::stage::role::{self, Stage};

/// A program that serves a FUSE filesystem of mallory's, and answers only requests about its root directory.
/// The program starts as root to mount the filesystem, because the lab's hosts do not have fusermount.
const FUSE: &str = r#"
import ctypes, os, struct, sys
fd = os.open('/dev/fuse', os.O_RDWR)
libc = ctypes.CDLL(None, use_errno=True)
options = f'fd={fd},rootmode=40000,user_id=1001,group_id=1001' + sys.argv[2]
if libc.mount(b'hers', sys.argv[1].encode(), b'fuse', 6, options.encode()) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
os.setgid(1001)
os.setuid(1001)
while True:
    data = os.read(fd, 1 << 17)
    length, opcode, unique, node = struct.unpack_from('IIQQ', data)
    if opcode == 26:
        answer = struct.pack('IIIIHHIIHHII', 7, 31, 65536, 0, 16, 12, 65536, 1, 0, 0, 0, 0) + bytes(24)
    elif opcode == 3 and node == 1:
        answer = struct.pack('QIIQQQQQQIIIIIIIIII', 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0o40755, 2, 1001, 1001, 0, 4096, 0)
    else:
        continue
    os.write(fd, struct.pack('IiQ', 16 + len(answer), 0, unique) + answer)
"#;

/// A filesystem of mallory's delays only changes of her own paths. That is so even if root allows users to
/// mount filesystems that other users can see (`user_allow_other`).
#[test]
fn a_filesystem_of_hers_holds_up_her_own_paths_alone() {
    let stage = stage();
    let node = format!("/proc/{}/root/dev/fuse", stage.web().leader().unwrap());
    Program::new("mknod").args(["-m", "666", &node, "c", "10", "229"]).run().unwrap().success().unwrap();
    stage.web().files().unwrap().write("/run/fuse.py", FUSE).unwrap();
    let app = "/home/mallory/app";
    let wanted = |text: &str, checks: Value| {
        json!({
            "files": {
                "/home/mallory/app/conf": { "text": text },
                "/home/mallory/app/data/conf": { "text": text },
                "/etc/fix": { "text": text },
            },
            "directories": { app: { "owner": "mallory", "group": "mallory" } },
            "healthChecks": checks,
        })
    };
    stage.declares(&wanted("1", json!({})));
    stage.applies();
    let mounts = |place: &str, options: &str| {
        let unit =
            format!("systemd-run --quiet --collect --unit=attack python3 /run/fuse.py {place} ',{options}'");
        stage.web().ask(&unit).unwrap();
        stage.waits_for(&format!("grep --quiet 'hers {place} fuse' /proc/self/mounts"));
    };
    let unmounts = |place: &str| {
        stage
            .web()
            .ask(&format!("umount --lazy {place}; systemctl stop attack; rm -f /run/mounted"))
            .unwrap();
    };
    let data = "/home/mallory/app/data";
    let force = format!("--force {app},{app}/conf,{data},{data}/conf");
    for (number, (place, options)) in [
        (app, "default_permissions"),
        (app, "allow_other"),
        (data, "allow_other"),
        ("/home/mallory", "allow_other"),
    ]
    .iter()
    .enumerate()
    {
        mounts(place, options);
        let text = (number + 2).to_string();
        stage.declares(&wanted(&text, json!({})));
        let plan = stage.types("timeout 20 nixfleet plan --host web-1");
        assert_says(&plan, 2, &["NF-405", place, "FUSE"]);
        let (outcome, result) = apply(&stage, &force);
        assert_eq!(
            (outcome.as_str(), &result["reasonCode"]),
            ("partial", &json!("paths-left-out")),
            "{place}: {result:#}"
        );
        assert_says(&stage.types("timeout 20 nixfleet status --host web-1"), 0, &[place]);
        assert_eq!(stage.web().ask("cat /etc/fix").unwrap(), text);
        unmounts(place);
        stage.applies();
    }
    // Now mallory's filesystem is mounted while a change runs. The change fails afterwards and is rolled
    // back.
    let waits = format!(
        "until grep -q 9 {app}/conf; do sleep 0.02; done; exec python3 /run/fuse.py {app} ,allow_other"
    );
    stage.web().ask(&format!("systemd-run --quiet --collect --unit=attack sh -c '{waits}'")).unwrap();
    stage.declares(&wanted("9", json!({ "down": { "tcp": { "port": 81 }, "retries": 1 } })));
    let (outcome, result) = apply(&stage, "");
    assert!(stage.web().sh(&format!("grep --quiet 'hers {app} fuse' /proc/self/mounts")).unwrap().ok());
    assert_eq!(
        (outcome.as_str(), &result["problem"]["code"]),
        ("rolled-back", &json!("NF-418")),
        "{result:#}"
    );
    assert_eq!(stage.web().ask("cat /etc/fix").unwrap(), "5");
    unmounts(app);
    stage.declares(&wanted("6", json!({})));
    stage.applies();
    // Now a change is interrupted, and the recovery unit undoes it. The recovery unit runs at boot. This test
    // mounts mallory's filesystem before it starts the unit.
    for (number, place) in [app, "/home/mallory"].into_iter().enumerate() {
        let mut gated = wanted("cut off", json!({}));
        gated["systemd"] = json!({ "units": { "gate.service": role::enabled(GATE) } });
        stage.declares(&gated);
        cuts_off_at_the_gate(&stage);
        assert_eq!(stage.web().ask(&format!("cat /etc/fix {app}/conf")).unwrap(), "cut offcut off");
        mounts(place, "allow_other");
        let recovers = "timeout 50 systemctl start nixfleet-recover.service; code=$?
            journalctl --sync; journalctl --unit nixfleet-recover.service --output cat; exit $code";
        let recovered = stage.web().sh(recovers).unwrap();
        assert!(recovered.ok(), "{place}: {recovered}");
        let before = if number == 0 { "6" } else { "7" };
        assert_eq!(stage.web().ask("cat /etc/fix").unwrap(), before, "{place}: {recovered}");
        for gone in ["/var/lib/nixfleet/journal.json", "/etc/systemd/system/gate.service"] {
            assert!(!stage.web().files().unwrap().exists(gone), "{place}: {gone}: {recovered}");
        }
        let status = stage.types("timeout 20 nixfleet status --host web-1");
        assert_says(&status, 0, &[&format!("{app}/conf was not restored")]);
        unmounts(place);
        stage.declares(&wanted("7", json!({})));
        stage.applies();
    }
}

/// A service whose start waits for input from a pipe.
const GATE: &str = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/bin/head -c1 /run/gate";

/// Starts a change. In the middle of the change, kills the activator, and the command that waits for it.
/// Nothing recovers the host at once. The effect is that of a power cut, except that filesystems stay
/// mounted.
fn cuts_off_at_the_gate(stage: &Stage) {
    let alone = "test -p /run/gate || mkfifo /run/gate; mkdir -p /run/systemd/system/nixfleet-run-.service.d
        printf '[Service]\\nExecStopPost=\\n' > /run/systemd/system/nixfleet-run-.service.d/alone.conf; systemctl daemon-reload";
    stage.web().ask(alone).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| stage.types("nixfleet apply --yes --host web-1"));
        stage.waits_for("pgrep --full '^/usr/bin/head -c1 /run/gate'");
        stage.operator().ask("pkill -KILL --exact nixfleet; pkill -KILL --exact ssh").unwrap();
    });
    let runs = "systemctl list-units --plain --no-legend 'nixfleet-run-*'";
    stage.web().ask(&format!("systemctl kill --signal=KILL $({runs} | cut -d' ' -f1)")).unwrap();
    stage.waits_for(&format!("! {runs} | grep --quiet ."));
    stage.web().ask("systemctl stop gate.service; rm -r /run/systemd/system/nixfleet-run-.service.d; systemctl daemon-reload").unwrap();
}
