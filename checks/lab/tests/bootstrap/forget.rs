//! Tests of `forget` on a host that was bare, then prepared, then managed.

use std::collections::BTreeSet;
use std::time::Duration;

use nixfleet_lab::command::wait_until;
use nixfleet_lab::snapshot::Snapshot;
use serde_json::Value;

use super::open::starts;
use super::program::{MAKE, SOURCE};
use super::{BARE, IGNORED, LOGIN, document, ended, fingerprint, types};
use crate::stage::{assert_says, outcomes, outcomes_of};

/// Files that have the accounts. They differ if an account stays.
const ACCOUNTS: [&str; 4] = ["/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"];

/// Where apt, sudo and the system itself keep lists, caches and logs. The page about `forget` names them.
const NEVER_SAID: [&str; 5] = [
    "/home/admin/.sudo_as_admin_successful",
    "/var/cache/apt/",
    "/var/cache/debconf/",
    "/var/lib/apt/lists/",
    "/var/log/",
];

/// Prints one line for each path, account, package and mark of a host, with its properties.
const EVERYTHING: &str = r#"
find /etc /home /nix /opt /root /srv /usr /var -xdev -printf '%p\t%y %m %u:%g %l\n'
getent passwd | sed 's/^/user /; s/:/\t/'
getent group | sed 's/^/group /; s/:/\t/'
dpkg-query --show --showformat 'package ${Package}\t${Version} ${db:Status-Abbrev}\n'
apt-mark showmanual | sed 's/$/\tmanual/; s/^/mark of /'
apt-mark showhold | sed 's/$/\theld/; s/^/hold of /'
"#;

/// Returns the names of what differs between two answers to [`EVERYTHING`].
fn different(before: &str, after: &str) -> BTreeSet<String> {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<String>>();
    let (before, after) = (lines(before), lines(after));
    let name = |line: &String| line.split('\t').next().unwrap_or_default().to_owned();
    before.symmetric_difference(&after).map(name).collect()
}

/// Returns what a `forget` says that it leaves.
fn left(document: &Value) -> Vec<String> {
    let remnants = document["hosts"][0]["forget"]["remnants"].as_array().unwrap();
    remnants.iter().map(|remnant| remnant["subject"].as_str().unwrap().to_owned()).collect()
}

/// Prepares web-1, and applies the demo's fleet to it.
fn manages(lab: &nixfleet_lab::lab::Lab) {
    let key = fingerprint(lab.guest("web-1").unwrap(), "ed25519");
    let bootstrap = format!("nixfleet bootstrap web-1 {LOGIN} --fingerprint {key} --yes");
    assert_says(&types(lab, &bootstrap), 0, &["done: packages, daemon, user, keys, sudo"]);
    let finished = types(lab, "nixfleet apply web-1 --yes --json");
    assert_eq!(outcomes(&document(&finished)), outcomes_of([("web-1", "ok")]), "{finished}");
}

#[test]
fn a_cleaned_host_is_as_before_the_bootstrap_but_for_what_is_named() {
    let lab = BARE.turn();
    let web = lab.guest("web-1").unwrap();
    // apt keeps the lists of packages that the bootstrap has fetched.
    let before = (Snapshot::take(web).unwrap(), web.ask(EVERYTHING).unwrap());
    manages(&lab);
    let written = || Ok(web.sh("test -e /var/lib/web/heartbeat")?.ok());
    wait_until("the timer has written a file", Duration::from_secs(30), written).unwrap();

    // Refusals change nothing.
    let managed = Snapshot::take(web).unwrap();
    let forget = |more: &str| types(&lab, &format!("nixfleet forget {more}"));
    assert_says(&forget("--clean --yes"), 1, &["NF-101", "must be named"]);
    let own = forget("web-1 --clean --with-access --login deploy --yes");
    assert_says(&own, 2, &["NF-310", "would remove the user with whom the command logs in"]);
    web.ask("setsid flock /var/lib/nixfleet/lock sleep 600 >/dev/null 2>&1 & echo $! >/run/locker; sleep 1")
        .unwrap();
    assert_says(&forget("web-1 --clean --yes"), 2, &["NF-401"]);
    web.ask("pkill -KILL -F /run/locker; pkill -KILL -x sleep; true").unwrap();
    let planned = forget("web-1 --clean --dry-run");
    assert_says(
        &planned,
        0,
        &["removed afterwards:", "/var/lib/nixfleet/state.json", "user web", "--with-nix"],
    );
    assert_says(
        &forget("web-1 --gone"),
        0,
        &["fleet.nix:", "hosts.web-1", "host-keys.json:2", "ssh-keygen -R web-1"],
    );
    assert_eq!(managed.difference(&Snapshot::take(web).unwrap()), "");

    // The undo of the bootstrap waits for the lock of apt, and is killed.
    let all = "web-1 --clean --with-nix --with-access --login admin --password-stdin --yes";
    let lock = "python3 -c 'import fcntl, os, time; f = open(\"/var/lib/dpkg/lock-frontend\", \"w\"); \
                fcntl.lockf(f, fcntl.LOCK_EX); time.sleep(600)'";
    web.ask(&format!("setsid {lock} >/dev/null 2>&1 & echo $! >/run/locker")).unwrap();
    let kill = "until systemctl is-active --quiet nixfleet-bootstrap.service; do sleep 0.1; done; sleep 1; \
                systemctl kill --signal KILL nixfleet-bootstrap.service; kill $(cat /run/locker)";
    web.ask(&format!("setsid sh -c '{kill}' >/dev/null 2>&1 &")).unwrap();
    let killed = forget(&format!("{all} --json"));
    assert_says(&killed, 2, &["NF-310"]);
    // Nothing is declared any more, and the way in is still there.
    assert_eq!(web.ask("ls -d /etc/web /var/lib/nixfleet/state.json 2>/dev/null; true").unwrap(), "");
    assert_says(&types(&lab, "nixfleet run web-1 -- true"), 0, &[]);

    let finished = forget(&format!("{all} --json"));
    assert_eq!(outcomes(&document(&finished)), outcomes_of([("web-1", "ok")]), "{finished}");
    // Both runs together say what stays: the first has carried out the change, the second the rest.
    let said: BTreeSet<String> =
        left(&document(&killed)).into_iter().chain(left(&document(&finished))).collect();
    let is_said = |name: &str| said.iter().any(|said| name == said || name.starts_with(&format!("{said}/")));
    let different = different(&before.1, &web.ask(EVERYTHING).unwrap());
    let unsaid = |name: &&String| !is_said(name) && !NEVER_SAID.iter().any(|place| name.starts_with(place));
    assert_eq!(different.iter().filter(unsaid).collect::<Vec<_>>(), [""; 0]);
    assert!(said.is_subset(&different), "{said:?} {different:#?}");
    assert_eq!(said, ["/var/lib/web", "group web", "user web"].map(str::to_owned).into());
    // The contents of the files are as before too.
    let contents = before.0.difference(&Snapshot::take(web).unwrap());
    let is_named = |line: &&str| {
        let name = line[2..].split(':').next().unwrap_or_default().trim_end_matches(" content");
        is_said(name) || IGNORED.contains(&name) || ACCOUNTS.contains(&name)
    };
    let lines: Vec<&str> = contents.lines().filter(|line| !is_named(line)).collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
    let left = "ls -d /nix /etc/nix /var/lib/nixfleet /run/nixfleet /run/nixfleet-bootstrap /home/deploy 2>/dev/null; \
                dpkg --audit; systemctl --failed --plain --no-legend; getent passwd deploy; true";
    assert_eq!(web.ask(left).unwrap(), "");
    let again = format!("nixfleet forget {all} --json");
    assert_says(&types(&lab, &again), 0, &["unchanged"]);
    assert_says(&types(&lab, "nixfleet history"), 0, &["forget"]);
}

/// Packages that are installed before the host is managed, each with its marks, and a package that NixFleet
/// installs together with its dependency.
const PACKAGES: &str = "make zz-held 1 '' && make zz-auto 1 '' && make zz-dep 1 '' &&\n\
    make zz-new 1 \"$(printf 'Depends: zz-dep\\n')\n\" && index &&\n\
    dpkg --install /srv/more/zz-held_1.deb /srv/more/zz-auto_1.deb >/dev/null &&\n\
    apt-mark hold zz-held >/dev/null && apt-mark auto zz-auto >/dev/null && apt-get update >/dev/null";
/// Prints the installed packages with their marks.
const MARKS: &str = "dpkg-query --show --showformat '${Package} ${Version} ${db:Status-Abbrev}\\n' 'zz-*' | sort; \
                     echo auto $(apt-mark showauto 'zz-*')";

#[test]
fn packages_of_apt_end_as_they_were_even_if_the_command_is_killed() {
    let lab = BARE.turn();
    let web = lab.guest("web-1").unwrap();
    let operator = lab.operator().unwrap();
    web.ask(&format!("{MAKE}{SOURCE}{PACKAGES}")).unwrap();
    let before = web.ask(MARKS).unwrap();
    operator
        .edits(
            "roles/web.nix",
            "  nixfleet.users.web.description",
            "  nixfleet.apt.packages = [ \"zz-new\" \"zz-auto\" ];\n  nixfleet.apt.holds = [ \"zz-auto\" \"zz-held\" \"zz-new\" ];\n  \
             nixfleet.users.web.description",
        )
        .unwrap();
    manages(&lab);
    let managed = web.ask(MARKS).unwrap();
    assert!(managed.contains("zz-dep 1 ii") && managed.contains("zz-auto 1 hi"), "{managed}");
    assert_ne!(managed, before);

    // The command is killed while the host removes the packages.
    let prerm = "touch /run/removes\nwhile [ ! -e /run/go ]; do sleep 0.1; done\n";
    let path = "/var/lib/dpkg/info/zz-new.prerm";
    web.files().unwrap().write(path, format!("#!/bin/sh\n{prerm}")).unwrap();
    web.ask(&format!("chmod 0755 {path}")).unwrap();
    starts(&lab, "forget", "nixfleet forget web-1 --clean --yes");
    let removes = || Ok(web.sh("test -e /run/removes")?.ok());
    wait_until("the packages are removed", Duration::from_secs(30), removes).unwrap();
    types(&lab, "pkill -KILL -x nixfleet; true").success().unwrap();
    web.ask("touch /run/go").unwrap();
    let idle = || Ok(web.ask("systemctl list-units --plain --no-legend 'nixfleet-run-*'")?.is_empty());
    wait_until("the run on the host ends", Duration::from_secs(30), idle).unwrap();
    assert!(web.ask("cat /var/lib/nixfleet/state.json").is_ok(), "the records are still there");

    let finished = types(&lab, "nixfleet forget web-1 --clean --yes --events");
    assert_eq!(ended(&finished), [("web-1".to_owned(), "ok".to_owned())], "{finished}");
    assert_eq!(web.ask(MARKS).unwrap(), before);
    let records = "ls /var/lib/nixfleet/packages.json /var/lib/nixfleet/held.json /etc/web 2>/dev/null; true";
    assert_eq!(web.ask(records).unwrap(), "");
    assert_says(&types(&lab, "nixfleet forget web-1 --clean --yes"), 0, &["unchanged"]);
}

#[test]
fn a_host_that_is_left_keeps_running_after_its_store_is_collected() {
    let lab = BARE.turn();
    let web = lab.guest("web-1").unwrap();
    manages(&lab);
    let motd = web.ask("cat /etc/motd").unwrap();
    let finished = types(&lab, "nixfleet forget web-1 --leave --yes --json");
    let document = document(&finished);
    assert_eq!(outcomes(&document), outcomes_of([("web-1", "ok")]), "{finished}");
    let remnants = document["hosts"][0]["forget"]["remnants"].to_string();
    for subject in
        ["everything declared", "/nix/var/nix/profiles/nixfleet/system", "/var/lib/nixfleet/left-*"]
    {
        assert!(remnants.contains(subject), "{subject}: {remnants}");
    }

    web.ask("nix-collect-garbage --delete-old 2>&1").unwrap();
    web.ask("systemctl restart web.service web-heartbeat.service && systemctl is-active web.service")
        .unwrap();
    assert!(web.ask("curl --silent http://127.0.0.1:8080/").unwrap().contains("hello from web-1"));
    assert_eq!(
        web.ask("bash -lc hello").unwrap(),
        web.ask("/nix/var/nix/profiles/nixfleet/system/sw/bin/hello").unwrap()
    );
    assert_eq!(web.ask("cat /etc/motd").unwrap(), motd);
    // The original of this path is still there, and says where it belongs.
    assert!(web.ask("cat /var/lib/nixfleet/left-*/originals/*/meta.json").unwrap().contains("/etc/motd"));
    let gone = "ls /var/lib/nixfleet/state.json /nix/var/nix/profiles/nixfleet/activator \
                /etc/systemd/system/nixfleet-recover.service 2>/dev/null; true";
    assert_eq!(web.ask(gone).unwrap(), "");
    web.power_cut().unwrap();
    web.power_on().unwrap();
    web.wait_until_up(nixfleet_lab::lab::BOOT_LIMIT).unwrap();
    let serves = || Ok(web.ask("systemctl is-active web.service || true")? == "active");
    wait_until("the web server runs after a boot", Duration::from_secs(30), serves).unwrap();
    assert_says(&types(&lab, "nixfleet forget web-1 --leave --yes"), 0, &["unchanged"]);
}
