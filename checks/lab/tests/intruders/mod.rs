//! Tests of attacks by an unprivileged user of a managed host, and by a service that owns a directory with
//! managed files. Both try to abuse the programs that run as root on the host.

mod filesystems;
use crate::stage::role::{self, Stage};
use crate::stage::{assert_says, outcomes};
use nixfleet_lab::snapshot::Snapshot;
use serde_json::{Value, json};

/// Returns a host with the user mallory, who attacks it.
fn stage() -> Stage {
    with_mallory(Stage::set())
}

/// Adds the user mallory to a host.
fn with_mallory(stage: Stage) -> Stage {
    stage.web().ask("useradd --create-home --shell /bin/bash mallory").unwrap();
    stage
}

/// Starts a program as mallory in the background, which runs until its unit is stopped.
fn begins(stage: &Stage, unit: &str, program: &str) {
    let file = format!("/run/{unit}.pl");
    stage.web().files().unwrap().write(&file, program).unwrap();
    let line = format!(
        "chmod a+r {file} && systemd-run --quiet --collect --unit={unit} --uid=mallory --working-directory=/home/mallory perl {file}"
    );
    stage.web().ask(&line).unwrap();
}

/// Runs an apply, and returns the outcome and the result of the host, whatever the exit code.
fn apply(stage: &Stage, flags: &str) -> (String, Value) {
    let (finished, mut document) =
        stage.types_for_json(&format!("nixfleet apply --yes --json --host web-1 {flags}"));
    let outcome = outcomes(&document).remove("web-1");
    (outcome.unwrap_or_else(|| panic!("{finished}")), document["hosts"][0].take())
}

/// The first lines of each attack. They wait until the change has written a file in mallory's directory. The
/// next lines then modify the path to that file.
const BENDS: &str = r#"use Socket; chdir '/home/mallory';
for (;;) { open(F, '<', 'app/conf'); $_ = <F>; close F; last if /2/; select(undef, undef, undef, 0.005); }
"#;
/// The attacks, each with its name. `activator/tests/it/attackers.rs` tries more attacks.
const WAYS: [(&str, &str); 5] = [
    ("a link in place of her directory", "rename('app', 'kept'); symlink('/etc', 'app');"),
    (
        "a socket in its place",
        "rename('app', 'kept'); socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un('app'));",
    ),
    ("all may write to her directory", "chmod(0777, 'app');"),
    ("nothing in its place", "rename('app', 'kept');"),
    (
        "all of that, again and again",
        "symlink('/etc', 'link'); open(F, '>', '/home/mallory/acted'); close F;
        for (;;) { rename('app', 'kept'); rename('link', 'app'); rename('app', 'link'); rename('kept', 'app'); chmod(0777, 'app'); chmod(0755, 'app'); }",
    ),
];

/// Only paths in mallory's directories may fail to be restored. All other paths are restored, and the next
/// change is not blocked.
#[test]
fn who_bends_the_way_to_her_file_keeps_no_change_from_being_undone() {
    let stage = stage();
    let wanted = |text: &str, mode: &str, checks: Value| {
        json!({
            "directories": { "/home/mallory/app": { "owner": "mallory", "group": "mallory", "mode": mode } },
            "files": {
                "/home/mallory/app/conf": { "text": text, "owner": "mallory", "group": "mallory" },
                "/etc/fix": { "text": text },
            },
            "healthChecks": checks,
        })
    };
    let hers = "/home/mallory/app,/home/mallory/app/conf";
    let clear =
        "systemctl stop attack 2>/dev/null; cd /home/mallory && rm -rf app kept link acted; chmod 755 .";
    let etc = "stat --format '%n %a %U %i' /etc /etc/passwd; ls /etc | grep conf$";
    let before = stage.web().ask(etc).unwrap();
    for (number, (name, act)) in WAYS.iter().enumerate() {
        stage.web().ask(clear).unwrap();
        stage.declares(&wanted("1", "0755", json!({})));
        let (outcome, result) = apply(&stage, "");
        assert_eq!(outcome, "ok", "{name}: {result:#}");
        begins(&stage, "attack", &format!("{BENDS}{act}\nopen(F, '>', '/home/mallory/acted'); sleep 1000;"));
        let down = json!({ "down": { "tcp": { "port": 81 }, "retries": 1 } });
        // Every second change affects not only the files, but the mode of the directory too.
        let mode = if number % 2 == 0 { "0750" } else { "0755" };
        stage.declares(&wanted("2", mode, down));
        let (outcome, result) = apply(&stage, "");
        assert_eq!(stage.web().ask("ls /home/mallory/acted").unwrap(), "/home/mallory/acted", "{name}");
        assert_eq!(
            (outcome.as_str(), &result["problem"]["code"]),
            ("rolled-back", &json!("NF-418")),
            "{name}: {result:#}"
        );
        assert_eq!(stage.web().ask("cat /etc/fix").unwrap(), "1", "{name}");
        if number < 2 {
            let said = result.to_string();
            assert!(said.contains("/home/mallory/app/conf was not restored"), "{name}: {result:#}");
        }
        stage.declares(&wanted("3", "0755", json!({})));
        let (outcome, result) = apply(&stage, &format!("--force {hers}"));
        assert!(["ok", "partial"].contains(&outcome.as_str()), "{name}: {result:#}");
        assert_eq!(stage.web().ask("cat /etc/fix").unwrap(), "3", "{name}");
    }
    assert_eq!(stage.web().ask(etc).unwrap(), before);
    stage.web().ask(clear).unwrap();
    stage.declares(&wanted("4", "0755", json!({})));
    stage.applies();
    assert_eq!(stage.web().ask("ls /var/lib/nixfleet/tx; find / -xdev -name '.nixfleet-tx*'").unwrap(), "");
}

/// A program whose process looks like an sshd with more logins in progress than sshd accepts.
const LISTENER: &str = "$0 = 'sshd: /usr/sbin/sshd -D [listener] 100 of 10-100 startups'; sleep 1000;";
/// A drop-in that makes sshd accept connections and close them at once.
const CUT: &str = "[Service]\nSystemCallFilter=~clone clone3 fork vfork\nSystemCallErrorNumber=EPERM\n";

/// A change that makes new connections fail is rolled back, even if a process claims to be a busy sshd, and
/// even if the fleet logs in as root.
#[test]
fn a_process_that_calls_itself_an_sshd_confirms_no_change() {
    let stage = stage();
    stage
        .web()
        .ask("mkdir -p -m 700 /root/.ssh && cp /home/deploy/.ssh/authorized_keys /root/.ssh/")
        .unwrap();
    let fix = json!({ "files": { "/etc/fix": { "text": "1" } } });
    stage.declares(&fix);
    stage.applies();
    for (forged, user) in [(false, "deploy"), (true, "deploy"), (true, "root")] {
        if forged && user == "deploy" {
            begins(&stage, "attack", LISTENER);
            stage.waits_for("grep --quiet 'listener. 100 of' /proc/[0-9]*/cmdline");
        }
        if user == "root" {
            stage.edits("fleet.nix", "ssh.user = \"deploy\"", "ssh.user = \"root\"");
        }
        stage.declares(&json!({ "files": {
            "/etc/fix": { "text": "2" },
            "/etc/systemd/system/ssh.service.d/cut.conf": { "text": CUT, "restartUnits": ["ssh.service"] },
        } }));
        let (outcome, result) = apply(&stage, "--confirm-timeout 6");
        assert_eq!(
            (outcome.as_str(), &result["problem"]["code"]),
            ("rolled-back", &json!("NF-413")),
            "{forged} {user}: {result:#}"
        );
        assert_eq!(stage.web().ask("cat /etc/fix").unwrap(), "1");
    }
}

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

fn runs_python(stage: &Stage, unit: &str, program: &str) {
    let file = format!("/run/{unit}.py");
    stage.web().files().unwrap().write(&file, program).unwrap();
    let line = format!(
        "chmod a+r {file} && systemd-run --quiet --collect --unit={unit} --uid=mallory --working-directory=/home/mallory \
         --property=TasksMax=1000 python3 {file}"
    );
    stage.web().ask(&line).unwrap();
}

/// A program that tries to read every file that appears in certain directories, and files in /proc. It
/// records where it finds one of two words.
const WATCHES: &str = r#"
import ctypes, os, struct, time
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
        ("recover --behind RUN", "NF-4"),
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
            assert!(finished.stdout.contains(code) || command.starts_with("recover --behind"), "{finished}");
        }
    }
    assert_eq!(before.difference(&Snapshot::take(stage.web()).unwrap()), "");
    assert_says(&stage.types("nixfleet status --host web-1"), 0, &["web-1  managed  3 "]);
    let collected = stage.types("nixfleet gc --host web-1 --yes --keep 1 --collect");
    assert!(collected.ok() && !collected.stdout.lines().any(|line| line == "2 hosts: 2 ok"), "{collected}");
    stage.rolls_back();
    assert_eq!(stage.web().ask("cat /etc/a").unwrap(), "1");
}

/// A program that runs in a user namespace of mallory's. It gives a file a capability that is valid only in
/// this namespace, and long extended attributes. It also mounts filesystems that only this namespace sees.
const NAMESPACE: &str = r#"
import os, subprocess, struct
os.setxattr('/srv/app/cap', 'security.capability', struct.pack('<IIIII', 0x02000001, 0x3fff, 0, 0, 0))
for name in "ab":
    os.setxattr('/srv/app/cap', 'user.' + name * 200, b"x" * 1000)
subprocess.check_call(['mount', '-t', 'tmpfs', 'none', '/home/mallory/app/data'])
subprocess.check_call(['mount', '--bind', '/etc', '/home/mallory/app/old'])
subprocess.check_call(['mount', '--bind', '/etc/passwd', '/home/mallory/app/conf'])
os.chdir('/home/mallory/app')
open('/home/mallory/inside', 'w').write('x')
os.execvp('sleep', ['sleep', '1000'])
"#;
/// A program that creates a directory with more entries than any program should read, and directories that
/// are nested deeper than the maximum length of a path allows.
const MANY: &str = "chdir('/srv/app/many'); for (1 .. 200000) { open(F, '>', $_); close F; }
chdir('/srv/app/deep'); for (1 .. 300) { mkdir('d' x 200); chdir('d' x 200); }
open(F, '>', '/srv/app/done'); print F 'x'; close F; sleep 1000;
";
/// A program that creates a file whose name looks like a line of NixFleet's output. The name of its process
/// looks like such a line too, and the process holds a lease on another file.
const NAMED: &str = "$SIG{IO} = 'IGNORE'; $0 = \"x\\n2 hosts: 2 ok\"; open(F, '>', \"/home/mallory/etc/b\\n2 hosts: 2 ok\\e[2J\"); close F;
open(F, '<', '/home/mallory/notes'); fcntl(F, 1024, 1); sleep 1000;
";

#[test]
fn links_mounts_and_names_of_hers_give_her_nothing() {
    let stage = with_mallory(Stage::fresh());
    // The temporary directories have no room for a single file.
    let full = "for place in /tmp /var/tmp; do mount -t tmpfs -o nr_inodes=1,mode=1777 tmpfs $place; done";
    stage.web().ask(full).unwrap();
    stage.declares(&json!({ "files": { "/etc/a": { "text": "a" } } }));
    assert_says(&stage.types("nixfleet plan --host web-1"), 2, &["No space left on device"]);
    stage.web().ask("umount /var/tmp").unwrap();
    assert_says(&stage.types("nixfleet plan --host web-1"), 0, &["/etc/a"]);
    let prepare = "set -e; umount /tmp; mount -t tmpfs tmpfs /srv; mkdir /srv/app
        echo mine > /srv/app/cap; echo mine > /home/mallory/notes
        mkdir /home/mallory/app /home/mallory/app/data /home/mallory/app/old /home/mallory/etc
        chown -R mallory: /srv/app /home/mallory
        (umask 077; printf s3cret > /home/secret); ln /home/secret /home/mallory/app/link
        ! runuser -u mallory -- ln /etc/shadow /home/mallory/app/shadow";
    stage.web().ask(prepare).unwrap();
    let own = |more: Value| {
        let mut own = json!({ "owner": "mallory", "group": "mallory" });
        own.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        own
    };
    let file = |text: &str| own(json!({ "text": text, "mode": "0644", "onConflict": "backup" }));
    let wanted = |text: &str, checks: Value| {
        json!({
            "files": {
                "/srv/app/cap": file(text), "/home/mallory/app/link": file("s3cret"),
                "/home/mallory/app/conf": file(text),
                "/etc/fix": { "text": text },
            },
            "directories": {
                "/home/mallory/app": own(json!({})), "/home/mallory/app/data": own(json!({})),
                "/srv/app/many": own(json!({})),
                "/srv/app/deep": own(json!({})),
            },
            "healthChecks": checks,
        })
    };
    stage.web().files().unwrap().write("/run/namespace.py", NAMESPACE).unwrap();
    stage.web().ask("touch /home/mallory/app/conf; chown mallory: /home/mallory/app/conf").unwrap();
    let enter = "systemd-run --quiet --collect --unit=inside --uid=mallory unshare --user --map-root-user --mount python3 /run/namespace.py";
    stage.web().ask(enter).unwrap();
    stage.waits_for("test -s /home/mallory/inside");
    let caps = |path: &str| {
        let python = format!(
            "python3 -c \"import os; print(os.getxattr('{path}', 'security.capability').hex(), len(os.listxattr('{path}')))\""
        );
        stage.web().ask(&python).unwrap()
    };
    let before = caps("/srv/app/cap");
    assert!(before.starts_with("01000003") && before.ends_with("e9030000 3"), "hers alone: {before}");
    let secret = "stat --format '%a %U %h' /home/secret; cat /home/secret";
    // First, a change is undone. Then the same change succeeds. Then mallory adds files, and another change
    // removes the managed files.
    stage.declares(&wanted("1", json!({ "down": { "tcp": { "port": 81 }, "retries": 0 } })));
    let (outcome, result) = apply(&stage, "");
    assert_eq!(outcome, "rolled-back", "{result:#}");
    assert_eq!(caps("/srv/app/cap"), before);
    assert_eq!(stage.web().ask(secret).unwrap(), "600 root 2\ns3cret");
    stage.declares(&wanted("1", json!({})));
    stage.applies();
    assert_eq!(
        stage.web().ask("cat /home/mallory/app/conf; stat --format ' %h %U' /home/mallory/app/link").unwrap(),
        "1 1 mallory"
    );
    assert_eq!(stage.web().ask(secret).unwrap(), "600 root 2\ns3cret");
    let kept = stage
        .web()
        .ask("grep -l srv/app/cap /var/lib/nixfleet/originals/*/meta.json")
        .unwrap()
        .replace("meta.json", "content");
    assert_eq!(caps(&kept), before);
    begins(&stage, "attack", MANY);
    stage.waits_for("test -s /srv/app/done");
    stage.declares(&json!({ "files": { "/etc/fix": { "text": "2" } } }));
    let (outcome, result) = apply(&stage, "");
    assert_eq!(outcome, "ok", "{result:#}");
    assert!(result["report"]["durationMs"].as_u64().unwrap() < 30_000, "{result:#}");
    assert_eq!(caps("/srv/app/cap"), before);
    assert_eq!(stage.web().ask(secret).unwrap(), "600 root 2\ns3cret");
    assert_eq!(
        stage.web().ask("stat --format '%a %U' /home/mallory/app/link; ls /srv/app/many | wc -l").unwrap(),
        "600 root\n200000"
    );
    // In the output, names that mallory chose appear only inside a line, never as a line of their own.
    stage.web().ask("systemctl stop attack inside").unwrap();
    begins(&stage, "attack", NAMED);
    stage.waits_for("grep --quiet LEASE /proc/locks");
    stage.declares(&json!({
        "files": { "/home/mallory/notes": { "text": "x", "onConflict": "backup" } },
        "directories": { "/home/mallory/etc": { "mode": "0700" } },
    }));
    for line in ["plan", "apply --yes", "apply --yes --force /home/mallory/notes,/home/mallory/etc"] {
        let said = stage.types(&format!("nixfleet {line} --host web-1"));
        let words = format!("{}{}", said.stdout, said.stderr);
        assert!(words.contains("holds a lease") && words.contains("2 hosts: 2 ok"), "{said}");
        assert!(
            !words.contains('\u{1b}')
                && !words.lines().any(|line| line.trim_start().starts_with("2 hosts: 2 ok")),
            "{said}"
        );
    }
}
