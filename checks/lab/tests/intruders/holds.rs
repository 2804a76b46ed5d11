//! Tests of attacks that hold what a change needs.

use serde_json::json;

use super::{apply, runs_python, stage};
use crate::stage::role;

/// A program that opens every file that mallory may open, and locks it in both possible ways. It uses all
/// inotify watches that she may have, and starts many processes. Then it stops all of her processes again and
/// again.
const HOLDS: &str = r#"
import ctypes, errno, fcntl, os, resource, signal, time
libc = ctypes.CDLL(None, use_errno=True)
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
held, names = [], []
for top in ['/etc', '/nix/var', '/nix/store/.links', '/var/lib', '/run', '/home', '/var/log', '/usr/sbin', '/tmp', '/var/tmp']:
    for where, _, files in os.walk(top):
        for path in [where] + [os.path.join(where, name) for name in files]:
            try:
                fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
            except OSError:
                continue
            for lock in (lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB), lambda: fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)):
                try:
                    lock()
                    names.append(path)
                except OSError:
                    pass
            held.append(fd)
instances, watches = 0, 0
while True:
    fd = libc.inotify_init()
    if fd < 0:
        break
    instances += 1
    held.append(fd)
if instances:
    for where, _, files in os.walk('/usr'):
        if watches > 20000:
            break
        for name in files:
            watches += libc.inotify_add_watch(held[-1], os.path.join(where, name).encode(), 0xfff) >= 0
children = 0
while children < 300:
    if os.fork() == 0:
        while True:
            signal.pause()
    children += 1
with open('/home/mallory/names', 'w') as file:
    file.write('\n'.join(names))
with open('/home/mallory/held', 'w') as file:
    file.write(f'{len(held)} {len(names)} {instances} {watches} {children}')
while True:
    try:
        os.kill(-1, signal.SIGSTOP)
    except ProcessLookupError:
        pass
    time.sleep(0.001)
"#;

/// A program that locks the database of Nix, which everybody may read, and keeps it locked.
const LOCKS_NIX: &str = r#"
import fcntl, os, time
held = [open('/nix/var/nix/db/' + name) for name in ('db.sqlite', 'db.sqlite-shm')]
for file in held:
    fcntl.lockf(file, fcntl.LOCK_SH)
open('/home/mallory/locked', 'w').write('x')
time.sleep(1000)
"#;

/// A change does not wait for anything that unprivileged users may lock, watch or stop. The exception is the
/// database of Nix. The test makes the database inaccessible to other users, as docs/security.md describes.
#[test]
fn what_she_holds_holds_up_no_change() {
    let stage = stage();
    let wanted = |text: &str| {
        json!({
            "files": {
                "/etc/a": { "text": text },
                "/etc/sudoers.d/x": { "text": format!("# {text}\n"), "mode": "0440" },
                "/home/mallory/conf": { "text": text, "owner": "mallory", "group": "mallory",
                  "mode": "0600" },
            },
            "groups": { format!("g{text}"): {} },
            "users": { "app": { "description": text, "extraGroups": [format!("g{text}")] },
              "mallory": { "description": text } },
            "systemd": { "units": {
                "app.service": role::enabled(&role::runs(text.parse().unwrap())),
            } },
        })
    };
    stage.declares(&wanted("1"));
    let (outcome, result) = apply(&stage, "");
    assert_eq!(outcome, "ok", "{result:#}");
    // While mallory locks the database of Nix, nothing can be copied into the store. The fleet's time limits
    // end the wait.
    let timeouts = "defaults.timeouts.copy = 1;\n  defaults.timeouts.change = 4;\n  defaults.ssh.user";
    stage.edits("fleet.nix", "defaults.ssh.user", timeouts);
    runs_python(&stage, "nix", LOCKS_NIX);
    stage.waits_for("test -s /home/mallory/locked");
    stage.declares(&wanted("2"));
    let (outcome, result) = apply(&stage, "");
    assert_eq!(
        (outcome.as_str(), &result["problem"]["code"]),
        ("unreachable", &json!("NF-301")),
        "{result:#}"
    );
    assert!(result["problem"]["why"].as_str().unwrap().contains("db.sqlite' is busy"), "{result:#}");
    stage.web().ask("systemctl stop nix; chmod 0700 /nix/var/nix/db").unwrap();
    stage.edits("fleet.nix", timeouts, "defaults.ssh.user");
    runs_python(&stage, "attack", HOLDS);
    stage.waits_for("test -s /home/mallory/held");
    let locked = |path: &str| {
        stage.web().sh(&format!("grep --quiet --line-regexp {path} /home/mallory/names")).unwrap().ok()
    };
    for path in ["/etc/passwd", "/etc/login.defs", "/nix/var/nix/profiles/nixfleet", "/nix/var/nix/gcroots"] {
        assert!(locked(path), "{path}");
    }
    // Mallory cannot open the files that NixFleet, Nix and the account tools lock.
    let ours = "grep -e pwd.lock -e shadow$ -e lib/nixfleet -e run/nixfleet -e gc.lock -e big-lock -e nix/var/nix/db /home/mallory/names || true";
    assert_eq!(stage.web().ask(ours).unwrap(), "");
    let (outcome, result) = apply(&stage, "");
    assert_eq!(outcome, "ok", "{result:#}");
    for line in ["status", "backups list", "rollback --yes", "gc --yes --keep 1"] {
        let finished = stage.types(&format!("nixfleet {line} --host web-1"));
        assert!(finished.ok(), "{finished}");
    }
    assert_eq!(stage.web().ask("cat /etc/a").unwrap(), "1");
    // Other users can still use the store, through the Nix daemon.
    let store = "runuser -u deploy -- nix-store --check-validity $(readlink -f /nix/var/nix/profiles/nixfleet/system)";
    assert!(stage.web().sh(store).unwrap().ok());
}
