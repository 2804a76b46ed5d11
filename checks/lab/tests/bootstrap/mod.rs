//! Tests of `bootstrap`, `host adopt` and `doctor` on hosts that have only an SSH server and a user who may
//! use sudo with a password.

mod forget;
mod installers;
mod logins;
mod open;
mod program;

use std::time::{Duration, Instant};

use nixfleet_lab::command::{Finished, wait_until};
use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::{Lab, Plan};
use nixfleet_lab::recipe::{ADMIN_PASSWORD, Recipe};
use nixfleet_lab::snapshot::Snapshot;
use serde_json::Value;

use crate::stage::shared::Shared;
use crate::stage::{assert_says, outcomes, outcomes_of};

/// A lab of [`bare`] with Debian 13, and with a second bare host.
static BARE: Shared = Shared::restored(|| bare(&Recipe::bare_host(), &["web-1", "web-2"]));

/// Boots a lab with these bare hosts. The fleet has a file for host keys, and the operator does not know
/// the key of the host.
fn bare(recipe: &Recipe, hosts: &[&str]) -> Lab {
    let plan = Plan::of_test().without("db-1");
    let plan = if hosts.contains(&"web-2") { plan } else { plan.without("web-2") };
    let lab = Lab::boot(&hosts.iter().fold(plan, |plan, host| plan.bare(host, recipe))).unwrap();
    let operator = lab.operator().unwrap();
    operator.edits("fleet.nix", "  defaults.ssh.user = \"deploy\";", FLEET).unwrap();
    let prepare = "rm ~/.ssh/known_hosts && ssh-keygen -y -f ~/.ssh/id_ed25519 > ~/.ssh/id_ed25519.pub";
    operator.types(prepare).unwrap().success().unwrap();
    lab
}

/// The lines of the fleet that a bootstrap needs.
const FLEET: &str = "  defaults.ssh.user = \"deploy\";\n  hostKeys = ./host-keys.json;";

/// The arguments with which the bare host is bootstrapped: the user and its password, and the operator's
/// key.
const LOGIN: &str = "--login admin --password-stdin --key ~/.ssh/id_ed25519.pub";

/// The files that differ after a bootstrap was undone or refused: the backups that the tools for accounts
/// make, and the mark of a first sudo.
const IGNORED: [&str; 8] = [
    "/etc/passwd-",
    "/etc/group-",
    "/etc/shadow-",
    "/etc/gshadow-",
    "/etc/subuid-",
    "/etc/subgid-",
    "/etc/.pwd.lock",
    "/home/admin/.sudo_as_admin_successful",
];

/// Replaces the ed25519 key of a host by an RSA key.
const ONLY_RSA: &str = "cd /etc/ssh && rm ssh_host_ed25519_key* && \
                        ssh-keygen -q -t rsa -N '' -f ssh_host_rsa_key && \
                        sed -i /HostKey/d sshd_config.d/lab.conf && systemctl restart ssh";

/// Runs a line as the operator, with the password of the host's user as the standard input. The shared
/// connections of earlier commands are closed first, because they would need no login.
fn types(lab: &Lab, line: &str) -> Finished {
    types_with(lab, line, ADMIN_PASSWORD)
}

fn types_with(lab: &Lab, line: &str, password: &str) -> Finished {
    let fresh =
        "for socket in /tmp/nixfleet-*/*; do ssh -O exit -S \"$socket\" x 2>/dev/null </dev/null; done";
    let program = lab.operator().unwrap().typed(&format!("{fresh}\n{line}")).unwrap();
    program.input(format!("{password}\n")).limit(Duration::from_secs(300)).run().unwrap()
}

/// Returns the fingerprint of a host key, as the console of the host shows it.
fn fingerprint(host: &Guest, kind: &str) -> String {
    let line = host.ask(&format!("ssh-keygen -lf /etc/ssh/ssh_host_{kind}_key.pub")).unwrap();
    line.split(' ').nth(1).unwrap().to_owned()
}

fn document(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished}"))
}

/// Returns each host with its outcome, as the events of a command say, and checks that the last event is the
/// end of the command.
#[track_caller]
fn ended(finished: &Finished) -> Vec<(String, String)> {
    let events: Vec<Value> =
        finished.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.last().unwrap()["event"], "commandEnded", "{finished}");
    let ends = events.iter().filter(|event| event["event"] == "hostEnded");
    let text = |event: &Value, field: &str| event[field].as_str().unwrap().to_owned();
    ends.map(|event| (text(event, "host"), text(event, "outcome"))).collect()
}

/// Returns the steps of a host in a document with this state.
fn steps(document: &Value, state: &str) -> Vec<String> {
    let steps = document["hosts"][0]["bootstrap"]["steps"].as_array().unwrap().iter();
    let steps = steps.filter(|step| step["state"] == state);
    steps.map(|step| step["step"].as_str().unwrap().to_owned()).collect()
}

/// Asserts that a host is as it was, except for the files that are ignored.
#[track_caller]
fn assert_unchanged(host: &Guest, before: &Snapshot) {
    let difference = before.difference(&Snapshot::take(host).unwrap());
    let is_ignored =
        |line: &&str| IGNORED.iter().any(|path| line.split([' ', ':']).any(|word| word == *path));
    let lines: Vec<&str> = difference.lines().filter(|line| !is_ignored(line)).collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

/// Starts to look for the password in the arguments and the environment of all processes of a machine.
fn watch(machine: &Guest) {
    machine.files().unwrap().write("/root/pattern", ADMIN_PASSWORD).unwrap();
    let look = "while [ -e /root/pattern ]; do \
                cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | \
                grep -aFf /root/pattern >>/root/seen; done";
    machine
        .ask(&format!(": >/root/seen; setsid sh -c '{}' >/dev/null 2>&1 &", look.replace('\'', "'\\''")))
        .unwrap();
}

/// Asserts that no process had the password in its arguments or its environment, and that no file has it.
#[track_caller]
fn assert_secret(machine: &Guest, places: &str) {
    let seen = machine.ask("cat /root/seen").unwrap();
    assert_eq!(seen, "", "{}: a process shows the password", machine.name());
    let find = format!(
        "journalctl --sync; journalctl --output json --all | grep -cFf /root/pattern; \
         grep -rlaFf /root/pattern {places} 2>/dev/null | grep -v '^/root/pattern$'; rm /root/pattern"
    );
    assert_eq!(machine.ask(&find).unwrap(), "0", "{}", machine.name());
}

#[test]
fn two_commands_lead_from_a_bare_host_to_its_first_apply() {
    let lab = BARE.turn();
    let (web, ada) = (lab.guest("web-1").unwrap(), lab.operator().unwrap().guest());
    // The host accepts no key of the operator yet, so the password is for the login and for sudo.
    web.ask("rm -r /home/admin/.ssh").unwrap();
    watch(web);
    watch(ada);
    let key = fingerprint(web, "ed25519");

    let began = Instant::now();
    let finished = types(&lab, &format!("nixfleet bootstrap web-1 {LOGIN} --fingerprint {key} --yes"));
    let bootstrap = began.elapsed();
    assert_says(&finished, 0, &["packages", "done: packages, daemon, user, keys, sudo"]);
    let began = Instant::now();
    let finished = types(&lab, "nixfleet apply web-1 --yes --json");
    let apply = began.elapsed();
    assert_eq!(outcomes(&document(&finished)), outcomes_of([("web-1", "ok")]), "{finished}");
    eprintln!("bootstrap: {:.1} s, first apply: {:.1} s", bootstrap.as_secs_f64(), apply.as_secs_f64());

    let recorded = lab.operator().unwrap().types("cat host-keys.json").unwrap().stdout;
    let own = web.ask("cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub").unwrap();
    assert_eq!(recorded, format!("{{\n  \"web-1\": \"{own}\"\n}}\n"));

    assert_says(&types(&lab, "nixfleet history"), 0, &["bootstrap", "ok"]);
    assert_secret(web, "/etc /home /root /run /tmp /var");
    assert_secret(ada, "/home/ada /run /tmp /var/log");

    // The host is prepared, so nothing is left to do, and no password is needed any more.
    let finished = types(&lab, "nixfleet bootstrap web-1 --yes --json");
    let document = document(&finished);
    assert_eq!(outcomes(&document), outcomes_of([("web-1", "unchanged")]), "{finished}");
    assert_eq!(steps(&document, "toDo"), [""; 0]);
    assert_says(&types(&lab, "nixfleet doctor web-1"), 0, &["0 bad"]);
    let leftovers = "ls -d /run/nixfleet-bootstrap /tmp/nixfleet.* /var/tmp/nixfleet.* 2>/dev/null; true";
    assert_eq!(web.ask(leftovers).unwrap(), "");
}

#[test]
#[ignore = "run by make soak-hosts"]
fn a_host_with_debian_12_is_prepared_with_its_own_nix() {
    let lab = bare(&Recipe::older_bare_host(), &["web-1"]);
    let web = lab.guest("web-1").unwrap();
    let key = fingerprint(web, "ed25519");
    let finished = types(&lab, &format!("nixfleet bootstrap web-1 {LOGIN} --fingerprint {key} --yes"));
    assert_says(&finished, 0, &["done: packages, daemon, user, keys, sudo"]);
    assert!(web.ask("nix-store --version").unwrap().contains("2.8"));
    let finished = types(&lab, "nixfleet apply web-1 --yes --json");
    assert_eq!(outcomes(&document(&finished)), outcomes_of([("web-1", "ok")]), "{finished}");
    assert_eq!(web.ask("systemctl --failed --plain --no-legend").unwrap(), "");
}

#[test]
fn nothing_is_done_before_the_host_key_is_agreed_to() {
    let lab = BARE.turn();
    let web = lab.guest("web-1").unwrap();
    let before = Snapshot::take(web).unwrap();
    let other = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for more in ["", &format!("--fingerprint {other}")] {
        let finished = types(&lab, &format!("nixfleet bootstrap web-1 {LOGIN} --yes {more}"));
        let key = fingerprint(web, "ed25519");
        assert_says(
            &finished,
            2,
            &["NF-303", "you have not accepted the host key", &format!("the host offers {key}")],
        );
    }
    assert_eq!(web.ssh_sessions().unwrap(), 0);
    assert_unchanged(web, &before);
    assert_says(&types(&lab, "ls host-keys.json"), 2, &["No such file"]);

    // A dry run of the adoption shows the key and records nothing.
    let key = fingerprint(web, "ed25519");
    assert_says(&types(&lab, "nixfleet host adopt web-1 --dry-run"), 0, &[&key, "not recorded"]);
    let adopt = types(&lab, "nixfleet host adopt web-1 --dry-run --json");
    let shown = document(&adopt);
    assert_eq!(shown["command"], "host", "{adopt}");
    assert_eq!(outcomes(&shown), outcomes_of([("web-1", "ok")]), "{adopt}");
    let offered = &shown["hosts"][0]["hostKey"];
    let own = web.ask("cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub").unwrap();
    assert_eq!((&offered["key"], &offered["fingerprint"]), (&own.into(), &key.clone().into()), "{adopt}");
    assert_says(&types(&lab, "ls host-keys.json"), 2, &["No such file"]);
    assert_says(&types(&lab, "nixfleet host adopt web-1"), 2, &["NF-303", &key]);
    assert_says(
        &types(&lab, &format!("nixfleet host adopt web-1 --fingerprint {key}")),
        0,
        &[&key, "recorded"],
    );
    assert_says(&types(&lab, "nixfleet host adopt web-1"), 0, &["recorded already"]);
    assert_says(&types(&lab, "nixfleet history"), 0, &["host adopt web-1"]);

    // The key of a host that was replaced needs a new agreement.
    web.ask("rm /etc/ssh/ssh_host_ed25519_key* && ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key && systemctl restart ssh")
        .unwrap();
    assert_says(&types(&lab, "nixfleet host adopt web-1"), 2, &["NF-303"]);
    let finished = types(&lab, &format!("nixfleet bootstrap web-1 {LOGIN} --yes"));
    assert_says(&finished, 2, &["NF-303", "differs from the pinned key"]);
    let new = fingerprint(web, "ed25519");
    let adopt = types(&lab, &format!("nixfleet host adopt web-1 --fingerprint {new} --events"));
    assert_eq!(ended(&adopt), [("web-1".to_owned(), "ok".to_owned())], "{adopt}");
    assert_says(&types(&lab, "nixfleet host adopt web-1"), 0, &[&new, "recorded already"]);
    let help = types(&lab, "nixfleet host adopt --help; nixfleet import apt --help");
    let examples = ["Examples:", "nixfleet host adopt --dry-run", "nixfleet import apt web-1 --out"];
    assert_says(&help, 0, &examples);
}

#[test]
fn a_host_that_cannot_be_prepared_is_refused_and_not_changed() {
    let lab = BARE.turn();
    let web = lab.guest("web-1").unwrap();
    let adopt = format!("nixfleet host adopt web-1 --fingerprint {}", fingerprint(web, "ed25519"));
    types(&lab, &adopt).success().unwrap();
    // Programs in this directory are found first by the script.
    let fake = |name: &str, said: &str| {
        format!("printf '#!/bin/sh\\necho \"{said}\"\\n' >/usr/sbin/{name} && chmod +x /usr/sbin/{name}")
    };
    let unfake = |name: &str| format!("rm /usr/sbin/{name}");
    // An installed Nix is looked for in its own directories.
    let nix = |said: &str| {
        format!("printf '#!/bin/sh\\necho \"{said}\"\\n' >/usr/bin/nix-store && chmod +x /usr/bin/nix-store")
    };
    let unnix = || "rm /usr/bin/nix-store".to_owned();
    let release = |from: &str, to: &str| {
        format!(
            "cp --remove-destination /usr/lib/os-release /etc/os-release && sed -i 's/^ID={from}$/ID={to}/' /etc/os-release"
        )
    };
    let restored = || "ln -sf ../usr/lib/os-release /etc/os-release".to_owned();
    let cases: [(String, String, &[&str]); 14] = [
        (release("debian", "fedora"), restored(), &["neither Debian nor Ubuntu"]),
        (release("debian", "nixos"), restored(), &["NixOS"]),
        (fake("getconf", "32"), unfake("getconf"), &["32-bit"]),
        (fake("uname", "aarch64"), unfake("uname"), &["hosts.web-1.system = \"aarch64-linux\";"]),
        (fake("apt-get", "apt 1.8.2.3 (amd64)"), unfake("apt-get"), &["apt is too old: it is 1.8.2.3"]),
        (
            "mkdir /nix && mount -t tmpfs -o size=90m tmpfs /nix".to_owned(),
            "umount /nix && rmdir /nix".to_owned(),
            &["/nix has only 90 MiB free"],
        ),
        (
            "touch /var/lib/apt/lists/other_Packages".to_owned(),
            "rm /var/lib/apt/lists/other_Packages".to_owned(),
            &["have no nix-bin", "--installer"],
        ),
        ("gpasswd --delete admin sudo".to_owned(), "gpasswd --add admin sudo".to_owned(), &["NF-304"]),
        (fake("uname", "riscv64"), unfake("uname"), &["the architecture riscv64 is not supported"]),
        (
            "cp -p /var/lib/dpkg/status /root/ && \
             sed -i '/^Package: sudo$/,/^$/s/^Status: .*/Status: install ok unpacked/' /var/lib/dpkg/status"
                .to_owned(),
            "mv /root/status /var/lib/dpkg/status".to_owned(),
            &["packages are only partly installed", "dpkg --configure -a"],
        ),
        (nix("nix-store (Nix) 1.11.16"), unnix(), &["Nix 1.11.16 is too old"]),
        (nix("nix-store (Nix) 2.18.1"), unnix(), &["no daemon that answers", "install the multi-user Nix"]),
        (
            "echo 'not a rule' >/etc/sudoers.d/theirs && chmod 0440 /etc/sudoers.d/theirs".to_owned(),
            "rm /etc/sudoers.d/theirs".to_owned(),
            &["/etc/sudoers.d/theirs", "visudo --check"],
        ),
        (
            "useradd --no-create-home --shell /usr/sbin/nologin deploy".to_owned(),
            "userdel deploy".to_owned(),
            &["the login shell of deploy is /usr/sbin/nologin", "usermod --shell /bin/bash deploy"],
        ),
    ];
    for (make, restore, sayings) in cases {
        web.ask(&make).unwrap();
        let before = Snapshot::take(web).unwrap();
        let finished = types(&lab, &format!("nixfleet bootstrap web-1 {LOGIN} --yes --json"));
        assert_eq!(finished.code, 2, "{finished}");
        assert_eq!(outcomes(&document(&finished)), outcomes_of([("web-1", "blocked")]), "{finished}");
        for saying in sayings {
            let problem = document(&finished)["hosts"][0]["problem"].clone();
            let said = format!("{} {}", problem["why"], problem["help"]).replace("\\\"", "\"");
            assert!(said.contains(saying) || problem["code"] == *saying, "{saying}: {problem:#}");
        }
        assert_unchanged(web, &before);
        web.ask(&restore).unwrap();
    }

    let before = Snapshot::take(web).unwrap();
    let bootstrap = "nixfleet bootstrap web-1 --login admin --key ~/.ssh/id_ed25519.pub --yes";
    assert_says(&types(&lab, bootstrap), 2, &["NF-304", "--ask-password"]);
    let wrong = types_with(&lab, &format!("{bootstrap} --password-stdin"), "wrong");
    assert_says(&wrong, 2, &["NF-304", "type the password"]);
    let without = "nixfleet bootstrap web-1 --login admin --password-stdin --yes";
    assert_says(&types(&lab, without), 2, &["NF-309", "hosts.web-1.ssh.authorizedKeys"]);
    assert_says(&types(&lab, &format!("nixfleet bootstrap web-1 {LOGIN} --dry-run")), 0, &["create deploy"]);
    assert_unchanged(web, &before);

    // Without a terminal, the command never asks.
    assert_says(&types(&lab, &format!("nixfleet bootstrap web-1 {LOGIN}")), 1, &["NF-101", "--yes"]);
    assert_says(&types(&lab, "nixfleet doctor web-1"), 2, &["bad", "nixfleet bootstrap web-1"]);
}

#[test]
fn a_step_that_fails_undoes_all_steps() {
    let lab = BARE.turn();
    let web = lab.guest("web-1").unwrap();
    // The host needs an ed25519 key too. The operator has agreed to its RSA key.
    web.ask(ONLY_RSA).unwrap();
    types(&lab, &format!("nixfleet host adopt web-1 --fingerprint {}", fingerprint(web, "rsa")))
        .success()
        .unwrap();
    let keys = || types(&lab, "cat host-keys.json; ls ~/.ssh").success().unwrap().stdout;
    let agreed = keys();
    let rsa = web.ask("cut -d ' ' -f 1,2 /etc/ssh/ssh_host_rsa_key.pub").unwrap();
    assert!(agreed.contains(&rsa) && !agreed.contains("known_hosts"), "{agreed}");
    let bootstrap = format!("nixfleet bootstrap web-1 {LOGIN} --yes");

    // useradd refuses a user whose group exists already.
    web.ask("groupadd deploy").unwrap();
    let before = Snapshot::take(web).unwrap();
    let finished = types(&lab, &bootstrap);
    assert_says(&finished, 2, &["rolled-back", "NF-309", "the step user failed", "group deploy exists"]);
    assert_unchanged(web, &before);
    let left = "ls -d /nix /etc/nix /run/nixfleet-bootstrap 2>/dev/null; dpkg --audit";
    assert_eq!(web.ask(left).unwrap(), "");
    web.ask("groupdel deploy").unwrap();

    // All steps succeed, and then sshd refuses the new user.
    web.ask("echo 'DenyUsers deploy' >/etc/ssh/sshd_config.d/deny.conf && systemctl reload ssh").unwrap();
    let before = Snapshot::take(web).unwrap();
    let finished = types(&lab, &bootstrap);
    assert_says(
        &finished,
        2,
        &[
            "rolled-back",
            "NF-309",
            "did not pass its check",
            "undone: host-key, sudo, keys, user, daemon, packages",
        ],
    );
    assert_unchanged(web, &before);
    // The host offers the key again to which the operator has agreed, and no other key is recorded.
    assert_eq!(keys(), agreed);
    assert_says(&types(&lab, "nixfleet host adopt web-1"), 0, &["recorded already"]);
    web.ask("rm /etc/ssh/sshd_config.d/deny.conf && systemctl reload ssh").unwrap();

    // systemd refuses to start the unit of the steps.
    let before_refusal = Snapshot::take(web).unwrap();
    let refuse = "printf '#!/bin/sh\\necho Failed to start transient service unit >&2; exit 1\\n' >/usr/sbin/systemd-run";
    web.ask(&format!("{refuse} && chmod +x /usr/sbin/systemd-run")).unwrap();
    let finished = types(&lab, &bootstrap);
    assert_says(
        &finished,
        2,
        &["no step could be started on the host", "Failed to start transient service unit"],
    );
    assert!(!finished.stderr.contains("another bootstrap"), "{finished}");
    web.ask("rm /usr/sbin/systemd-run").unwrap();
    assert_unchanged(web, &before_refusal);

    // What is left of an attempt does not prevent the next one.
    assert_says(&types(&lab, &bootstrap), 0, &["done: packages, daemon, user, keys, sudo, host-key"]);
    let own = web.ask("cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub").unwrap();
    let recorded = keys();
    assert!(recorded.contains(&own) && !recorded.contains(&rsa), "{recorded}");
}

#[test]
fn a_dropped_connection_does_not_interrupt_the_steps() {
    let lab = BARE.turn();
    let web = lab.guest("web-1").unwrap();
    types(&lab, &format!("nixfleet host adopt web-1 --fingerprint {}", fingerprint(web, "ed25519")))
        .success()
        .unwrap();
    // The steps wait for the lock of apt, which this process holds until the connection is gone.
    let lock = "python3 -c 'import fcntl, os, time; f = open(\"/var/lib/dpkg/lock-frontend\", \"w\"); \
                fcntl.lockf(f, fcntl.LOCK_EX); time.sleep(600)'";
    web.ask(&format!("setsid {lock} >/dev/null 2>&1 & echo $! >/run/locker")).unwrap();
    // A shell gives its background commands no standard input.
    let line =
        format!("exec 3<&0; (nixfleet bootstrap web-1 {LOGIN} --yes <&3 >~/said 2>&1; echo $? >~/code) &");
    types(&lab, &line).success().unwrap();
    let unit = "systemctl is-active nixfleet-bootstrap.service || true";
    let waits = || Ok(web.ask(unit)? == "active");
    wait_until("the steps run", Duration::from_secs(60), waits).unwrap();
    let finished = types(&lab, &format!("nixfleet bootstrap web-1 {LOGIN} --yes"));
    assert_says(&finished, 2, &["another bootstrap"]);
    web.ask("pkill -KILL -u admin sshd; pkill -KILL -u admin sshd-session; true").unwrap();
    let operator = lab.operator().unwrap();
    let ended = || Ok(operator.types("cat ~/code")?.ok());
    wait_until("the command ends", Duration::from_secs(60), ended).unwrap();
    let said = operator.types("cat ~/code ~/said").unwrap().stdout;
    assert!(said.starts_with('2') && said.contains("the steps continue on the host"), "{said}");
    web.ask("kill $(cat /run/locker)").unwrap();
    let done = || Ok(web.ask(unit)? != "active");
    wait_until("the steps are done", Duration::from_secs(120), done).unwrap();
    // The steps are done, but the operator has not checked the host, so their record is still open.
    let record = "ls /var/lib/nixfleet/bootstrap";
    assert_eq!(web.ask(record).unwrap(), "open");
    assert_says(&types(&lab, "nixfleet doctor web-1"), 0, &["has not ended", "nixfleet bootstrap web-1"]);
    assert_says(&types(&lab, "nixfleet bootstrap web-1 --yes"), 0, &["done already", "done: record"]);
    assert_eq!(web.ask(record).unwrap(), "1");
    assert_says(&types(&lab, "nixfleet bootstrap web-1 --yes"), 0, &["unchanged"]);
}

#[test]
fn on_a_terminal_the_command_asks_and_does_not_show_the_password() {
    let lab = BARE.turn();
    let web = lab.guest("web-1").unwrap();
    let operator = lab.operator().unwrap();
    operator.guest().files().unwrap().write("/home/ada/ask.py", ASK).unwrap();
    let finished = types(
        &lab,
        "python3 ~/ask.py nixfleet bootstrap web-1 --login admin --ask-password --key ~/.ssh/id_ed25519.pub",
    );
    let key = fingerprint(web, "ed25519");
    let sayings = ["Password of admin", &key, "Are these the keys", "Prepare 1 host?", "done: packages"];
    assert_says(&finished, 0, &sayings);
    assert!(!finished.stdout.contains(ADMIN_PASSWORD), "{finished}");
}

/// A program that runs a command on a terminal, answers its questions, and prints all that the terminal
/// shows. The first line of its standard input is the password.
const ASK: &str = r#"
import os, pty, sys
password = sys.stdin.readline()
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
shown = ""
def read():
    global shown
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        piece = b""
    shown += piece.decode(errors="replace")
    return piece
for question, answer in [("on the hosts: ", password), ("keys of the hosts?", "y\n"), ("Prepare 1 host?", "y\n")]:
    while question not in shown and read():
        pass
    os.write(terminal, answer.encode())
while read():
    pass
print(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;
