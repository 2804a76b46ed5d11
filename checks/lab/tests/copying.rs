//! Tests of copying closures to a host. An interrupted copy leaves the host unchanged, except for the store
//! paths that have arrived.

use std::thread;
use std::time::Duration;

use nixfleet_lab::command::{Finished, wait_until};
use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::Lab;
use nixfleet_lab::snapshot::Snapshot;

use crate::stage::shared::{FRESH_WEB, MANAGED_WEB, Turn};
use crate::stage::{applies, assert_says, generation, outcomes_of};

/// The limit for each wait, which is far longer than any wait takes.
const LIMIT: Duration = Duration::from_secs(60);

fn web(lab: &Lab) -> &Guest {
    lab.guest("web-1").unwrap()
}

/// Adds a file of 128 MiB to the fleet, which the next apply has to copy.
fn about_to_grow() -> Turn<'static> {
    let lab = MANAGED_WEB.turn();
    let operator = lab.operator().unwrap();
    operator.types("head -c 134217728 /dev/urandom > large").unwrap().success().unwrap();
    let before = "  nixfleet.systemd.units.\"web.service\".sections = {";
    let file = "  nixfleet.files.\"/srv/web/large\".source = builtins.path { path = ../large; };\n";
    operator.edits("roles/web.nix", before, &format!("{file}{before}")).unwrap();
    lab
}

/// A script that succeeds while the large file is being copied.
const IN_MID_COPY: &str = "pgrep --full '[n]ix-store --serve' && ls -d /nix/store/*-large";
/// A script that succeeds if nothing is left of a copy except store paths.
const CLEARED: &str = "! pgrep --full '[n]ix-store --serve' && ! ls /run/nixfleet/*.said /run/nixfleet/*.closure \
                       /nix/var/nix/gcroots/auto/nixfleet-*";

/// Starts an apply, kills these programs of the operator during the copy, and returns the result of the
/// apply.
fn killed_in_mid_copy(lab: &Lab, programs: &[&str]) -> Finished {
    thread::scope(|scope| {
        let apply = "nixfleet apply --yes --json --host web-1";
        let typed = scope.spawn(|| lab.operator().unwrap().types(apply).unwrap());
        wait_until("the copy is under way", LIMIT, || Ok(web(lab).sh(IN_MID_COPY)?.ok())).unwrap();
        for program in programs {
            lab.operator().unwrap().guest().ask(&format!("pkill -KILL --exact {program}")).unwrap();
        }
        typed.join().unwrap()
    })
}

/// Asserts that web-1 differs from a snapshot only by store paths, and that the next apply succeeds.
#[track_caller]
fn assert_untouched_and_well(lab: &Lab, before: &Snapshot) {
    wait_until("the host has cleared up", LIMIT, || Ok(web(lab).sh(CLEARED)?.ok())).unwrap();
    let difference = before.difference(&Snapshot::take(web(lab)).unwrap());
    let difference: Vec<&str> = difference.lines().filter(|line| !line.starts_with("+ store ")).collect();
    assert!(difference.is_empty(), "web-1 is not as it was:\n{}", difference.join("\n"));
    assert_eq!(generation(web(lab)), 1);
    assert_eq!(applies(lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
    assert_eq!(web(lab).ask("wc -c < /srv/web/large").unwrap().trim(), "134217728");
    web(lab).ask("nix-store --verify --check-contents").unwrap();
}

#[test]
fn a_connection_that_breaks_in_mid_copy_leaves_the_host_as_it_was() {
    let lab = about_to_grow();
    let before = Snapshot::take(web(&lab)).unwrap();
    let finished = killed_in_mid_copy(&lab, &["ssh"]);
    assert_says(&finished, 2, &["NF-301", "unreachable", "web-1"]);
    assert_untouched_and_well(&lab, &before);
}

#[test]
fn a_command_that_is_killed_in_mid_copy_leaves_the_host_as_it_was() {
    let lab = about_to_grow();
    let before = Snapshot::take(web(&lab)).unwrap();
    killed_in_mid_copy(&lab, &["nixfleet", "ssh"]);
    assert_untouched_and_well(&lab, &before);
}

#[test]
fn a_collection_between_the_copy_and_the_change_takes_nothing() {
    let lab = FRESH_WEB.turn();
    let wrapper = "#!/bin/sh\n/opt/nix-store \"$@\"\ncode=$?\n\
                   /opt/nix-store --gc >/run/collected 2>&1\nexit $code\n";
    web(&lab).ask("ln -s /usr/bin/nix /opt/nix-store && rm /usr/bin/nix-store").unwrap();
    web(&lab).files().unwrap().write("/usr/bin/nix-store", wrapper).unwrap();
    web(&lab).ask("chmod 0755 /usr/bin/nix-store").unwrap();
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
    assert!(web(&lab).ask("cat /run/collected").unwrap().contains("store paths deleted"));
    web(&lab)
        .ask("nix-store --check-validity $(nix-store -qR /nix/var/nix/profiles/nixfleet/system)")
        .unwrap();
    web(&lab).ask(CLEARED).unwrap();
}

/// A Nix before 2.0 greets with version 2.4 of the protocol of `nix-store --serve`.
#[test]
fn a_host_whose_nix_is_too_old_is_refused_and_not_changed() {
    let lab = FRESH_WEB.turn();
    let before = Snapshot::take(web(&lab)).unwrap();
    let greeting = r"\313\356\122\124\000\000\000\000\004\002\000\000\000\000\000\000";
    let old = format!(
        "#!/bin/sh\ncase \"$*\" in\n  *--serve*) printf '{greeting}'; exec cat >/dev/null ;;\nesac\n\
         exec /opt/nix-store \"$@\"\n"
    );
    web(&lab).ask("ln -s /usr/bin/nix /opt/nix-store && rm /usr/bin/nix-store").unwrap();
    web(&lab).files().unwrap().write("/usr/bin/nix-store", old).unwrap();
    web(&lab).ask("chmod 0755 /usr/bin/nix-store").unwrap();
    let refused = lab.operator().unwrap().types("nixfleet apply --yes --host web-1").unwrap();
    let sayings = ["[NF-306]", "version 2.4 of its protocol", "help: install a newer Nix on the host"];
    assert_says(&refused, 2, &sayings);
    web(&lab).ask("rm /usr/bin/nix-store /opt/nix-store && ln -s nix /usr/bin/nix-store").unwrap();
    let difference = before.difference(&Snapshot::take(web(&lab)).unwrap());
    assert!(difference.is_empty(), "web-1 has changed:\n{difference}");
}

#[test]
fn a_host_fetches_from_its_own_cache_what_that_has() {
    let lab = FRESH_WEB.turn();
    let operator = lab.operator().unwrap();
    let script = "nix build --no-link --print-out-paths .#nixfleet.hosts.web-1.toplevel > path && \
                  nix-store --generate-binary-cache-key cache-1 secret public && \
                  hello=$(nix-store -qR $(cat path) | grep -- '-hello-1.0$') && \
                  nix copy --to \"file:///tmp/cache?secret-key=$PWD/secret\" $hello && \
                  tar -C /tmp -cf - cache | ssh deploy@web-1 sudo tar -C /srv -xf - && cat public";
    let public = operator.types(script).unwrap().success().unwrap();
    let conf = format!("substituters = file:///srv/cache\ntrusted-public-keys = {}\n", public.line());
    web(&lab).ask(&format!("cat >> /etc/nix/nix.conf <<'EOF'\n{conf}EOF")).unwrap();
    assert_eq!(applies(&lab, "--host web-1 --substitute-on-destination"), outcomes_of([("web-1", "ok")]));
    // Only paths that came from the cache have its signature.
    let signed = "nix path-info --json --recursive /nix/var/nix/profiles/nixfleet/system | grep -c cache-1:";
    web(&lab).ask(signed).unwrap();
}
