//! One NixOS host: plans, applies, rollbacks, and the alternation with `nixos-rebuild`.

use nixfleet_lab::snapshot::Snapshot;

use crate::app::{
    HOST, app, applies, assert_runs, db, external, on_host, section, service, status, versions,
};
use crate::stage::nixos::{boot_default, declares, fresh, installs, running, switch, system};
use crate::stage::{assert_says, generation};

/// Declares a service that keeps running, in a version.
fn runs(name: &str, version: u32, more: &str) -> String {
    service(name, &format!("Environment=V={version}\nExecStart=/usr/bin/sleep infinity\n{more}"))
}

/// Returns the name of a system as plans show it.
fn shown(system: &str) -> String {
    let (hash, name) = system.trim_start_matches("/nix/store/").split_once('-').unwrap();
    format!("{name} ({})", &hash[..8])
}

#[test]
fn a_plan_shows_packages_units_and_the_boot_default_and_changes_nothing() {
    let lab = fresh(&[HOST]);
    let (host, operator) = (db(&lab), lab.operator().unwrap());
    let reloads = "ExecReload=/bin/true\nX-ReloadIfChanged=true";
    let package = |version: u32| format!("nixfleet.packages = [ pkgs.hello_{version} ];");
    let generation = |version: u32, more: &str| {
        let kinds = [runs("restarts", version, ""), runs("reloads", version, reloads), runs("same", 1, "")];
        let skipped = runs("stays", version, "X-RestartIfChanged=false");
        package(version) + &kinds.concat() + &skipped + more
    };
    let plans = || {
        let before = Snapshot::take(host).unwrap();
        let plan = operator.types("nixfleet plan").unwrap();
        let difference = before.difference(&Snapshot::take(host).unwrap());
        assert_eq!(difference, "", "{plan}");
        plan
    };

    // The host has never been changed by NixFleet, and has only its first system.
    declares(&lab, HOST, &generation(1, &runs("goes", 1, "")));
    let plan = plans();
    assert_says(&plan, 0, &["first generation, 2"]);
    let packages = section(&plan, "packages");
    assert!(packages.contains(&"+ hello 1.0"), "{plan}");
    let steps = section(&plan, "system");
    assert!(steps[0].starts_with("~ NixOS nixos-system-factory-23.11 ("), "{plan}");
    assert!(steps[1].starts_with("~ boot default nixos-system-factory-23.11 ("), "{plan}");
    assert!(steps[1].ends_with("  after the confirmation"), "{plan}");
    let started = "+ start: goes.service, reloads.service, restarts.service, same.service, stays.service";
    assert_eq!(steps[2..], [started], "{plan}");
    applies(&lab, "ok");

    declares(&lab, HOST, &generation(2, &runs("comes", 1, "")));
    let plan = plans();
    assert_says(&plan, 0, &["generation 2 → 3"]);
    assert_eq!(section(&plan, "packages"), ["~ hello 1.0 → 2.0"], "{plan}");
    let units = [
        "- stop: goes.service",
        "+ start: comes.service",
        "~ restart: restarts.service",
        "~ reload: reloads.service",
        "~ changed, but not restarted: stays.service",
    ];
    assert_eq!(section(&plan, "system")[2..], units, "{plan}");

    // The plan comes true.
    let pids = || ["restarts", "reloads", "stays", "same"].map(|unit| host.unit(unit).unwrap().main_pid);
    let before = pids();
    applies(&lab, "ok");
    let restarted: Vec<bool> = pids().iter().zip(before).map(|(now, before)| *now != before).collect();
    assert_eq!(restarted, [true, false, false, false]);
    let active = ["goes", "comes"].map(|unit| host.unit(unit).unwrap().active);
    assert_eq!(active, ["inactive", "active"]);
    assert_eq!(host.ask("/run/current-system/sw/bin/hello").unwrap(), "hello 2.0");
    let plan = plans();
    assert_says(&plan, 0, &["1 host: 1 unchanged"]);
}

#[test]
fn a_system_is_applied_and_rolled_back_and_stays_after_a_power_cut() {
    let lab = fresh(&[HOST]);
    let host = db(&lab);
    let factory = running(host);
    declares(&lab, HOST, &app("one", ""));
    applies(&lab, "ok");
    let one = running(host);
    assert_ne!(one, factory);
    assert_runs(host, &one, "one");
    assert_eq!(generation(host), 2, "the first system is generation 1");
    let pid = host.unit("app.service").unwrap().main_pid;
    applies(&lab, "unchanged");
    assert_eq!(host.unit("app.service").unwrap().main_pid, pid);
    assert_eq!(external(&status(&lab)), [1]);

    declares(&lab, HOST, &app("two", ""));
    applies(&lab, "ok");
    let two = running(host);
    assert_runs(host, &two, "two");
    host.power_cut().unwrap();
    host.power_on().unwrap();
    assert_runs(host, &two, "two");
    applies(&lab, "unchanged");

    let rolls_back = |to: &str| {
        let (finished, host) = on_host(&lab, &format!("rollback --yes {to}"));
        assert_eq!(host["outcome"], "ok", "{finished}");
    };
    rolls_back("");
    assert_runs(host, &one, "one");
    assert_eq!(generation(host), 2);
    rolls_back("--to 1");
    assert_runs(host, &factory, "");
    rolls_back("--to 3");
    assert_runs(host, &two, "two");
}

#[test]
fn nixos_rebuild_and_nixfleet_alternate() {
    let lab = fresh(&[HOST]);
    let (host, operator) = (db(&lab), lab.operator().unwrap());
    declares(&lab, HOST, &app("one", ""));
    applies(&lab, "ok");
    let one = running(host);

    // This is what `nixos-rebuild switch` does. It knows nothing of the file outside /etc.
    let foreign = system(&lab, HOST, &app("foreign", ""));
    installs(host, &foreign);
    switch(host, &foreign, "test").success().unwrap();
    assert_eq!(versions(host), ["foreign", "one"]);
    let seen = status(&lab);
    assert_eq!(external(&seen), [1, 3]);
    assert_eq!(seen["current"]["number"], 2, "{seen:#}");
    assert_eq!(seen["drift"][0]["subject"], "/run/current-system", "{seen:#}");
    assert_eq!(seen["drift"][0]["what"], format!("{one} → {foreign}"), "{seen:#}");
    assert_says(&operator.types("nixfleet status").unwrap(), 0, &["drift", "/run/current-system"]);

    // The plan names the system that runs, and the boot default.
    declares(&lab, HOST, &app("two", ""));
    let plan = operator.types("nixfleet plan").unwrap();
    assert_says(&plan, 0, &["not as the last apply left it", "! /run/current-system: "]);
    let steps = section(&plan, "system");
    for (step, what) in steps.iter().zip(["NixOS", "boot default"]) {
        assert!(step.starts_with(&format!("~ {what} {} → ", shown(&foreign))), "{plan}");
    }
    applies(&lab, "ok");
    let two = running(host);
    assert_runs(host, &two, "two");
    assert_eq!(generation(host), 4, "nixos-rebuild has made generation 3");
    let numbers = host.ask("cd /nix/var/nix/profiles; for n in 1 2 3 4; do readlink system-$n-link; done");
    assert_eq!(numbers.unwrap().lines().skip(1).collect::<Vec<_>>(), [&one, &foreign, &two]);

    let (finished, ended) = on_host(&lab, "rollback --yes --to 3");
    assert_eq!(ended["outcome"], "ok", "{finished}");
    assert_eq!((running(host), boot_default(host)), (foreign.clone(), foreign));
    assert_eq!(versions(host), ["foreign", ""], "generation 3 has nothing of NixFleet");
    assert_eq!(status(&lab)["drift"], serde_json::json!([]));

    // Somebody has prepared the next boot, and nothing else.
    declares(&lab, HOST, &app("two", ""));
    applies(&lab, "ok");
    installs(host, &one);
    let plan = operator.types("nixfleet plan").unwrap();
    let step = format!("~ boot default {} → {}  after the confirmation", shown(&one), shown(&two));
    assert_eq!(section(&plan, "system"), [step], "{plan}");
    applies(&lab, "ok");
    assert_runs(host, &two, "two");
}
