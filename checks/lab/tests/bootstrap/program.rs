//! Tests of the program that prepares a host: its parts run on a bare host, one by one.

use std::fs;

use nixfleet_lab::command::Finished;
use nixfleet_lab::guest::Guest;
use nixfleet_lab::place;

use super::BARE;

/// The record of a change of the user `deploy`, with the key of the operator.
const RECORD: &str = "user=deploy record=/root/record\n\
                      mkdir -p $record/undo/packages $record/undo/user $record/undo/keys $run\n\
                      : >$run/upgrades; echo deploy >$record/user; echo 'ssh-ed25519 OURS' >$record/authorized_keys\n\
                      keys=/home/deploy/.ssh/authorized_keys\n";

/// Writes the functions of the program to a host.
fn place_functions(host: &Guest) {
    let folder = place::checkout().join("operator/src/remote/scripts/bootstrap");
    // The first part sets variables. The part `verbs` would run the program.
    let mut parts = vec![folder.join("settings.sh")];
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if !["settings.sh", "verbs.sh"].iter().any(|name| path.ends_with(name)) {
            parts.push(path);
        }
    }
    let text: String = parts.iter().map(|part| fs::read_to_string(part).unwrap()).collect();
    let files = host.files().unwrap();
    files.write("/root/functions", format!("{text}{RECORD}")).unwrap();
    let verbs = fs::read_to_string(folder.join("verbs.sh")).unwrap();
    files.write("/root/program", format!("{text}record=/root/record\n{verbs}")).unwrap();
}

/// Runs a script that may call the functions.
fn calls(host: &Guest, script: &str) -> Finished {
    host.sh(&format!(". /root/functions\n{script}")).unwrap()
}

/// Runs a script that may call the functions. Returns its output, without the output of other programs.
#[track_caller]
fn says(host: &Guest, script: &str) -> String {
    let finished = calls(host, script).success().unwrap();
    finished.stdout.trim_end().to_owned()
}

/// A shell function that makes a package in the directory `/srv/more`, with further lines of its control
/// file, and one that makes the index of the directory.
pub(super) const MAKE: &str = "make() { rm -rf /root/deb && mkdir -p /root/deb/DEBIAN /srv/more &&\n\
    printf 'Package: %s\\nVersion: %s\\nArchitecture: all\\nMaintainer: x <x@example.org>\\nDescription: x\\n%s' \
    \"$1\" \"$2\" \"$3\" >/root/deb/DEBIAN/control && dpkg-deb --build /root/deb \"/srv/more/$1_$2.deb\" >/dev/null; }\n\
    index() { cd /srv/more && for each in *.deb; do dpkg-deb --field \"$each\" && echo \"Filename: ./$each\" &&\n\
    stat -c 'Size: %s' \"$each\" && echo \"SHA256: $(sha256sum <\"$each\" | cut -d ' ' -f 1)\" && echo; done >Packages; }\n";

/// A line that lists the directory as a package source.
pub(super) const SOURCE: &str =
    "echo 'deb [trusted=yes] file:///srv/more ./' >/etc/apt/sources.list.d/more.list\n";

#[test]
fn an_undo_leaves_packages_of_others_and_everything_mounted_below_nix() {
    let lab = BARE.turn();
    let web = lab.guest("web-1").unwrap();
    place_functions(web);
    web.ask(&format!("{MAKE}make zz-other 1 ''")).unwrap();
    // Another program installs a package while the step runs.
    let other = "APT::Update::Post-Invoke { \"dpkg --install /srv/more/zz-other_1.deb >/dev/null\"; };";
    web.ask(&format!("echo '{other}' >/etc/apt/apt.conf.d/zz-other")).unwrap();
    let installed = "installed | grep -c -e '^nix-bin$' -e '^zz-other$'";

    // The installation fails.
    web.ask("echo 'DPkg::Pre-Invoke { \"false\"; };' >/etc/apt/apt.conf.d/zz-fails").unwrap();
    assert_eq!(says(web, "do_packages 'nix-bin nix-setup-systemd' >/dev/null 2>&1 || echo failed"), "failed");
    assert_eq!(says(web, &format!("undo_packages >&2; {installed}")), "1");
    web.ask("rm /etc/apt/apt.conf.d/zz-fails; rm -r /root/record; dpkg --purge zz-other").unwrap();

    // The installation succeeds.
    let step = "cp /root/program $run/program; do_packages 'nix-bin nix-setup-systemd' >&2";
    assert_eq!(says(web, &format!("{step} && {installed}")), "2");
    web.ask("mkdir /nix/disk && mount -t tmpfs tmpfs /nix/disk && touch /nix/disk/data").unwrap();
    let stopped = calls(web, "undo_packages");
    assert!(
        stopped.code == 1 && stopped.stdout.contains("mounted in the directories of Nix: /nix/disk"),
        "{stopped}"
    );
    assert_eq!(says(web, &format!("ls /nix/disk && {installed}")), "data\n2");
    web.ask("umount /nix/disk && rmdir /nix/disk").unwrap();

    // Somebody has begun to use Nix since the plan.
    web.ask("mkdir -p /nix/store/app && touch /nix/store/app/file && ln -s /nix/store/app /nix/var/nix/gcroots/app")
        .unwrap();
    let forget = "records=/root/records; mkdir -p $records; cp -a $record $records/1; echo packages >$records/1/begun\n\
                  echo packages >$run/steps; : >$run/errors; forget_steps 2>$run/errors";
    let used = calls(web, forget);
    assert!(used.code == 1 && used.stdout.contains("left packages\nerror these roots"), "{used}");
    assert!(used.stdout.contains("/nix/var/nix/gcroots/app"), "{used}");
    assert_eq!(says(web, &format!("ls /nix/store/app && {installed}")), "file\n2");

    assert_eq!(says(web, &format!("rm /nix/var/nix/gcroots/app; undo_packages >&2 && {installed}")), "1");
    assert_eq!(web.ask("ls -d /nix /etc/nix 2>/dev/null; dpkg --audit").unwrap(), "");
}

#[test]
fn apt_installs_only_what_the_plan_shows() {
    let lab = BARE.turn();
    let web = lab.guest("web-1").unwrap();
    place_functions(web);
    let adopt = format!("nixfleet host adopt web-1 --fingerprint {}", super::fingerprint(web, "ed25519"));
    super::types(&lab, &adopt).success().unwrap();
    // A newer package needs an upgrade, and the lists of the host do not have it yet.
    web.ask("apt-get update").unwrap();
    let daemon = "Depends: nix-bin, zz-lib (>= 2)\\n";
    web.ask(&format!(
        "{MAKE}make zz-lib 1 '' && dpkg --install /srv/more/zz-lib_1.deb && make zz-lib 2 '' &&\n\
         make nix-setup-systemd 9 \"$(printf '{daemon}')\n\" && index\n{SOURCE}"
    ))
    .unwrap();
    let versions = "dpkg-query --show --showformat '${Package} ${Version} ' zz-lib nix-bin 2>/dev/null; true";
    let bootstrap = format!("nixfleet bootstrap web-1 {}", super::LOGIN);
    let finished = super::types(&lab, &format!("{bootstrap} --yes"));
    let sayings = ["rolled-back", "the plan has nix-setup-systemd=", "apt would install nix-setup-systemd=9"];
    crate::stage::assert_says(&finished, 2, &sayings);
    assert_eq!(web.ask(versions).unwrap(), "zz-lib 1");
    // The lists are up to date now.
    let planned = super::types(&lab, &format!("{bootstrap} --dry-run"));
    crate::stage::assert_says(&planned, 0, &["nix-setup-systemd 9; upgrade zz-lib"]);
    assert_eq!(web.ask(versions).unwrap(), "zz-lib 1");

    // The same step, first with a plan that does not have the upgrade, then with a plan that has it.
    let step = "apt update >&2; do_packages 'nix-bin nix-setup-systemd=9'";
    let refused = calls(web, step);
    assert!(refused.code == 1 && refused.stdout.contains("does not have these upgrades"), "{refused}");
    assert_eq!(web.ask(versions).unwrap(), "zz-lib 1");
    let step = format!("echo zz-lib >$run/upgrades; cp /root/program $run/program; {step}");
    calls(web, &step).success().unwrap();
    assert!(web.ask(versions).unwrap().contains("zz-lib 2"));
    // The undo removes the new packages, and says that the upgrade stays.
    let undone = calls(web, "undo_packages");
    assert!(undone.code == 1 && undone.stdout.contains("upgraded packages stay:\nzz-lib"), "{undone}");
    assert_eq!(web.ask(versions).unwrap(), "zz-lib 2");

    // A transaction that the simulation did not have is stopped before dpkg.
    let transaction = |version: &str| {
        format!(
            "echo zz-lib=2 >$record/undo/packages/planned\n\
             printf 'VERSION 3\\nx=y\\n\\nzz-lib 1 all none < {version} all none /x.deb\\n' | guard 2>&1"
        )
    };
    assert_eq!(calls(web, &transaction("2")).code, 0);
    let refused = calls(web, &transaction("3"));
    assert!(refused.code == 1 && refused.stdout.contains("apt would change zz-lib to 3"), "{refused}");
}

#[test]
fn keys_of_others_stay_when_those_of_a_bootstrap_are_removed() {
    let lab = BARE.turn();
    let web = lab.guest("web-1").unwrap();
    place_functions(web);
    says(web, "do_user >&2");
    let state = "cat $keys; stat -c %a $keys";

    // The file did not exist, and somebody adds a key.
    says(web, "do_keys");
    assert_eq!(says(web, state), "ssh-ed25519 OURS\n600");
    says(web, "echo 'ssh-ed25519 THEIRS' >>$keys; undo_keys");
    assert_eq!(says(web, state), "ssh-ed25519 THEIRS\n600");

    // On a full disk, nothing is lost.
    let full = "home=/home/deploy; mkdir /root/home; cp -a $home/. /root/home/; mount -t tmpfs -o size=64k tmpfs $home\n\
                cp -a /root/home/. $home/; do_keys; chown deploy: $home; cat /dev/zero >$home/filler 2>/dev/null\n\
                chown deploy: $home/filler; undo_keys";
    let stopped = calls(web, full);
    assert_ne!(stopped.code, 0, "{stopped}");
    assert_eq!(
        says(web, "cat $keys; ls -A /home/deploy/.ssh"),
        "ssh-ed25519 THEIRS\nssh-ed25519 OURS\nauthorized_keys"
    );
    says(web, "rm /home/deploy/filler; undo_keys");
    assert_eq!(says(web, state), "ssh-ed25519 THEIRS\n600");
    says(web, "umount /home/deploy");

    // The file did not exist, and has only the key of the bootstrap.
    says(web, "rm -r /home/deploy/.ssh $record/undo/keys/*; do_keys; undo_keys");
    assert_eq!(says(web, "ls -A /home/deploy | grep ssh; true"), "");

    // A pipe in place of the file stops neither the facts nor the step.
    says(web, "mkdir /home/deploy/.ssh; mkfifo $keys; chown -R deploy: /home/deploy/.ssh");
    assert!(says(web, "facts deploy").lines().any(|line| line.starts_with("user ")));
    let refused = calls(web, "do_keys");
    assert!(refused.code == 1 && refused.stdout.contains("authorized_keys is not a file"), "{refused}");
    says(web, "undo_keys");
}

#[test]
fn a_user_of_somebody_else_is_not_deleted() {
    let lab = BARE.turn();
    let web = lab.guest("web-1").unwrap();
    place_functions(web);
    let exists = "getent passwd deploy | cut -d : -f 3,6";

    says(web, "do_user >&2");
    says(
        web,
        "userdel --remove deploy 2>/dev/null; useradd --create-home --uid 1500 --home-dir /srv/deploy deploy",
    );
    let stopped = calls(web, "undo_user");
    assert!(stopped.code == 1 && stopped.stdout.contains("created again by somebody else"), "{stopped}");
    assert_eq!(says(web, exists), "1500:/srv/deploy");
    says(web, "userdel --remove deploy 2>/dev/null; rm -r $record/undo/user/*");

    says(web, "do_user >&2; echo results >/home/deploy/results");
    let stopped = calls(web, "undo_user");
    assert!(stopped.code == 1 && stopped.stdout.contains("has files: /home/deploy/results"), "{stopped}");
    assert_eq!(says(web, "cat /home/deploy/results"), "results");

    // The id of a deleted user may become that of another account, and with it these files.
    says(
        web,
        "rm /home/deploy/results; mkdir -p /srv/other; echo results >/srv/other/results; chown deploy /srv/other/results",
    );
    let stopped = calls(web, "undo_user");
    assert!(stopped.code == 1 && stopped.stdout.contains("has files: /srv/other/results"), "{stopped}");
    assert!(!says(web, exists).is_empty());
    says(web, "chown root /srv/other/results; : >/home/deploy/results");

    // Files that came with the account or with its logins do not count.
    says(
        web,
        "rm /home/deploy/results; mkdir /home/deploy/.cache; touch /home/deploy/.cache/x /home/deploy/.bash_history",
    );
    says(web, "undo_user >&2");
    assert_eq!(says(web, &format!("{exists}; ls /home")), "admin");
}
