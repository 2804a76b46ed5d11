//! Tests of attacks that read what root does, or run the activator.

use nixfleet_lab::snapshot::Snapshot;
use serde_json::json;

use super::{apply, runs_python, stage, with_mallory};
use crate::stage::assert_says;
use crate::stage::role::Stage;

/// A program that tries to read every file that appears in certain directories, and files in /proc. It
/// records where it finds one of two words.
const WATCHES: &str = r#"
import ctypes, os, select, struct
libc = ctypes.CDLL(None, use_errno=True)
fd = libc.inotify_init1(os.O_NONBLOCK)
tops = ['/tmp', '/var/tmp', '/run', '/run/nixfleet', '/dev/shm', '/home', '/home/mallory', '/etc', '/etc/sudoers.d', '/srv', '/srv/app', '/var/lib', '/var/lib/nixfleet', '/nix/var/nix/profiles', '/nix/var/nix/gcroots']
places = {}
for top in tops:
    watch = libc.inotify_add_watch(fd, top.encode(), 0x18e)
    if watch >= 0:
        places[watch] = top
out = open('/home/mallory/seen', 'a', buffering=1)
said = set()
def say(line):
    if line not in said:
        said.add(line)
        out.write(line + '\n')
def read(path):
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        return
    try:
        data = os.read(file, 1 << 20)
    except OSError:
        data = b''
    os.close(file)
    for word in (b's3cret', b'c4nary'):
        if word in data:
            say(f'READ {word.decode()} {path}')
own = str(os.getpid())
rounds = 0
while True:
    rounds += 1
    # A new file is read at once. Processes are looked for every two milliseconds: a program that never waited
    # would take the time of the change itself.
    select.select([fd], [], [], 0.002)
    try:
        data = os.read(fd, 1 << 16)
    except BlockingIOError:
        data = b''
    at = 0
    while at < len(data):
        watch, mask, cookie, length = struct.unpack_from('iIII', data, at)
        name = data[at + 16:at + 16 + length].rstrip(b'\0').decode(errors='replace')
        at += 16 + length
        path = os.path.join(places.get(watch, '?'), name)
        if name and name != 'seen':
            say(f'NAME {path}')
            read(path)
            try:
                for inner in os.listdir(path):
                    say(f'NAME {path}/{inner}')
                    read(os.path.join(path, inner))
            except OSError:
                pass
    for pid in os.listdir('/proc'):
        if pid.isdigit() and pid != own:
            for what in ('cmdline', 'environ', 'mem'):
                if what != 'mem':
                    read(f'/proc/{pid}/{what}')
            if rounds % 20 == 0:
                try:
                    for number in os.listdir(f'/proc/{pid}/fd'):
                        read(f'/proc/{pid}/fd/{number}')
                except OSError:
                    pass
"#;

/// Content that only root may read stays private, wherever it is copied, validated or restored.
#[test]
fn she_reads_nothing_of_roots_while_a_change_runs() {
    let stage = with_mallory(Stage::fresh());
    let prepare = "mount -t tmpfs tmpfs /srv && mkdir /srv/app && chown mallory: /srv/app
        for path in /etc/secret /etc/sudoers.d/secret /home/mallory/secret /srv/app/secret; do (umask 077; echo '# s3cret' > $path); done
        chmod 440 /etc/sudoers.d/secret";
    stage.web().ask(prepare).unwrap();
    runs_python(&stage, "attack", WATCHES);
    stage.waits_for("test -e /home/mallory/seen");
    stage.web().ask("echo c4nary > /tmp/canary").unwrap();
    stage.waits_for("grep --quiet READ /home/mallory/seen");
    let file = |text: &str, mode: &str| {
        let validate = ["/usr/bin/grep", "-q", ".", "%s"];
        json!({ "text": text, "mode": mode, "onConflict": "backup", "validate": validate })
    };
    let wanted = |text: &str| {
        json!({ "files": {
            "/etc/secret": file(text, "0600"), "/home/mallory/secret": file(text, "0600"),
            "/srv/app/secret": file(text, "0600"),
            "/etc/sudoers.d/secret": { "text": format!("# {text}\n"), "mode": "0440",
              "onConflict": "backup" },
        } })
    };
    for text in ["1", "2"] {
        stage.declares(&wanted(text));
        let plan = stage.types("nixfleet plan --host web-1 -v");
        assert_says(&plan, 0, &["/etc/secret"]);
        assert!(!plan.stdout.contains("s3cret"), "{plan}");
        let (outcome, result) = apply(&stage, "");
        assert_eq!(outcome, "ok", "{result:#}");
    }
    // The files are removed from the role, so their original content is restored.
    stage.declares(&json!({ "files": { "/etc/a": { "text": "a" } } }));
    let (outcome, result) = apply(&stage, "");
    assert_eq!(outcome, "ok", "{result:#}");
    assert_eq!(
        stage.web().ask("cat /etc/secret /srv/app/secret /home/mallory/secret | uniq").unwrap(),
        "# s3cret"
    );
    // Wait until mallory's program has read all files that appeared earlier.
    stage.web().ask("echo c4nary > /tmp/last").unwrap();
    stage.waits_for("grep --quiet 'READ c4nary /tmp/last' /home/mallory/seen");
    let seen = stage.web().ask("cat /home/mallory/seen").unwrap();
    for name in ["/run/nixfleet", "/var/lib/nixfleet", "/srv/app/.nixfleet-tx-1-", "/tmp/nixfleet."] {
        assert!(seen.contains(&format!("NAME {name}")), "{name}: {seen}");
    }
    assert!(!seen.contains("READ s3cret"), "{seen}");
    assert!(!seen.contains("NAME /tmp/nixfleet-"), "{seen}");
}

#[test]
fn no_subcommand_of_the_activator_does_anything_for_her() {
    let stage = stage();
    stage.declares(&json!({ "files": { "/etc/a": { "text": "1" } } }));
    stage.applies();
    stage.declares(&json!({ "files": { "/etc/a": { "text": "2" } } }));
    let (outcome, result) = apply(&stage, "");
    assert_eq!(outcome, "ok", "{result:#}");
    let prepare = "set -e; cd /home/mallory
        system=$(readlink -f /nix/var/nix/profiles/nixfleet/system)
        cp -rL $system evil && chmod -R u+w evil
        sed -i 's/\"0644\"/\"4755\"/' evil/manifest.json
        mkdir -p .local/state/nix/profiles && ln -s /home/mallory/evil .local/state/nix/profiles/nixfleet
        ln -s /home/mallory/evil .nix-profile
        mkdir -p /nix/var/nix/profiles/per-user/mallory /nix/var/nix/gcroots/per-user/mallory
        ln -s /home/mallory/evil /nix/var/nix/profiles/per-user/mallory/nixfleet
        ln -s /home/mallory/evil /nix/var/nix/profiles/per-user/mallory/system
        ln -s /home/mallory/evil \"$(printf '/nix/var/nix/gcroots/per-user/mallory/a\\n2 hosts: 2 ok')\"
        chown -h -R mallory: /home/mallory /nix/var/nix/profiles/per-user/mallory /nix/var/nix/gcroots/per-user/mallory";
    stage.web().ask(prepare).unwrap();
    let before = Snapshot::take(stage.web()).unwrap();
    let run = "0123456789abcdef0123456789abcdef";
    let commands = [
        ("plan --closure /home/mallory/evil", "NF-404"),
        ("plan --closure /home/mallory/evil --manifest /home/mallory/evil/manifest.json", "NF-404"),
        ("apply --closure /home/mallory/evil", "NF-405"),
        ("apply --closure /home/mallory/evil --run RUN --in-unit --confirm-timeout 5", "NF-405"),
        ("dry-activate --closure /home/mallory/evil", "NF-423"),
        ("rollback", "NF-405"),
        ("rollback --plan", "NF-404"),
        ("follow --run RUN", "NF-415"),
        ("confirm --run RUN </dev/null", "NF-415"),
        ("recover", "NF-405"),
        ("recover --boot", "NF-405"),
        ("recover --after RUN", "NF-4"),
        ("health", "NF-404"),
        ("status", "NF-404"),
        ("inspect", "NF-404"),
        ("gc --keep 1", "NF-40"),
        ("backups list", "NF-404"),
        ("backups show --path /etc/a", "NF-404"),
        ("preview </dev/null", "NF-405"),
        ("build --attributes /etc/shadow", "NF-203"),
        ("check /etc/shadow", "NF-203"),
    ];
    for (command, code) in commands {
        for activator in ["/nix/var/nix/profiles/nixfleet/activator", "/home/mallory/evil/activate"] {
            let line = format!("{activator} {}", command.replace("RUN", run));
            let finished =
                stage.web().sh(&format!("runuser -u mallory -- timeout 20 sh -c '{line}' 2>&1")).unwrap();
            assert!(finished.stdout.contains(code) || command.starts_with("recover --after"), "{finished}");
        }
    }
    assert_eq!(before.difference(&Snapshot::take(stage.web()).unwrap()), "");
    assert_says(&stage.types("nixfleet status --host web-1"), 0, &["web-1  managed  3 "]);
    let collected = stage.types("nixfleet gc --host web-1 --yes --keep 1 --collect");
    assert!(collected.ok() && !collected.stdout.lines().any(|line| line == "2 hosts: 2 ok"), "{collected}");
    stage.rolls_back();
    assert_eq!(stage.web().ask("cat /etc/a").unwrap(), "1");
}
