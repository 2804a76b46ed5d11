//! Tests with one NixOS host: applies, rollbacks, and NixFleet in turn with `nixos-rebuild`.

use nixfleet_lab::command::Finished;

use super::app::{
    HOST, LAB, app, applies, assert_runs, db, external, on_host, section, service, status, versions,
};
use crate::stage::nixos::{boot_default, declares, installs, running, switch, system};
use crate::stage::{assert_says, generation};

/// Returns the name of a system as plans show it.
fn shown(system: &str) -> String {
    let (hash, name) = system.trim_start_matches("/nix/store/").split_once('-').unwrap();
    format!("{name} ({})", &hash[..8])
}

#[test]
fn a_system_is_applied_and_rolled_back_and_stays_after_a_power_cut() {
    let lab = LAB.turn();
    let host = db(&lab);
    let factory = host.ask("readlink -f /nix/var/nix/profiles/system-1-link").unwrap();
    declares(&lab, HOST, &app("first", ""));
    applies(&lab, "ok");
    let first = running(host);
    assert_ne!(first, factory);
    assert_runs(host, &first, "first");
    let number = generation(host);
    let pid = host.unit("app.service").unwrap().main_pid;
    applies(&lab, "unchanged");
    assert_eq!(host.unit("app.service").unwrap().main_pid, pid);
    assert_eq!(external(&status(&lab))[0], 1, "the first system is generation 1");

    declares(&lab, HOST, &app("second", ""));
    applies(&lab, "ok");
    let second = running(host);
    assert_runs(host, &second, "second");
    let newer = generation(host);
    assert!(newer > number);
    host.power_cut().unwrap();
    host.power_on().unwrap();
    assert_runs(host, &second, "second");
    applies(&lab, "unchanged");

    let rolls_back = |to: &str| {
        let (finished, host) = on_host(&lab, &format!("rollback --yes {to}"));
        assert_eq!(host["outcome"], "ok", "{finished}");
    };
    rolls_back("");
    assert_runs(host, &first, "first");
    assert_eq!(generation(host), number);
    rolls_back("--to 1");
    assert_runs(host, &factory, "");
    rolls_back(&format!("--to {newer}"));
    assert_runs(host, &second, "second");
}

#[test]
fn a_nixos_host_is_never_forgotten() {
    let lab = LAB.turn();
    let host = db(&lab);
    declares(&lab, HOST, &app("first", ""));
    applies(&lab, "ok");
    let (first, number) = (running(host), generation(host));
    for how in ["--leave", "--clean", "--clean --with-nix --with-access --login root"] {
        let finished = lab.operator().unwrap().types(&format!("nixfleet forget {HOST} {how} --yes")).unwrap();
        let sayings =
            ["blocked", "NF-310", "a NixOS host cannot be forgotten", "nixos-rebuild switch --flake .#db-1"];
        assert_says(&finished, 2, &sayings);
    }
    assert_eq!((running(host), generation(host)), (first.clone(), number));
    assert_runs(host, &first, "first");
    applies(&lab, "unchanged");
}

#[test]
fn nixos_rebuild_and_nixfleet_alternate() {
    let lab = LAB.turn();
    let (host, operator) = (db(&lab), lab.operator().unwrap());
    declares(&lab, HOST, &app("fourth", ""));
    applies(&lab, "ok");
    let fourth = running(host);
    let number = generation(host);
    declares(&lab, HOST, &app("fifth", ""));
    let saves = format!("nixfleet plan --host {HOST} --out saved.json");
    operator.types(&saves).unwrap().success().unwrap();

    // The next lines do what `nixos-rebuild switch` does. It does not change NixFleet's file outside of /etc.
    let foreign = system(&lab, HOST, &app("foreign", ""));
    installs(host, &foreign);
    let link = host.ask("readlink /nix/var/nix/profiles/system").unwrap();
    let foreign_number = link.trim_start_matches("system-").trim_end_matches("-link").parse::<u64>().unwrap();
    switch(host, &foreign, "test").success().unwrap();
    assert_eq!(versions(host), ["foreign", "fourth"]);
    let seen = status(&lab);
    assert!(external(&seen).contains(&foreign_number), "{seen:#}");
    assert_eq!(seen["current"]["number"], number, "{seen:#}");
    assert_eq!(seen["drift"][0]["subject"], "/run/current-system", "{seen:#}");
    let by = format!("another tool, such as nixos-rebuild, made generation {foreign_number}");
    assert_eq!(seen["drift"][0]["what"], format!("{fourth} → {foreign}; {by}"), "{seen:#}");
    let keep = "to keep the running system, add its changes to the fleet";
    assert_says(&operator.types("nixfleet status").unwrap(), 0, &["drift", "/run/current-system", keep]);

    // The saved plan is for the system of before, and is refused.
    let applies_saved = "nixfleet apply --yes --plan saved.json";
    assert_says(&operator.types(applies_saved).unwrap(), 2, &["NF-403"]);
    assert_eq!((running(host), boot_default(host)), (foreign.clone(), foreign.clone()));

    // The plan names the running system and the boot default. `nixos-rebuild` has changed both.
    declares(&lab, HOST, &app("fifth", ""));
    let plan = operator.types("nixfleet plan").unwrap();
    assert_says(&plan, 0, &["not as the last apply left it", "! /run/current-system: "]);
    let steps = section(&plan, "system");
    for (step, what) in steps.iter().zip(["NixOS", "boot default"]) {
        assert!(step.starts_with(&format!("~ {what} {} → ", shown(&foreign))), "{plan}");
    }
    operator.types(&saves).unwrap().success().unwrap();
    operator.types(applies_saved).unwrap().success().unwrap();
    let fifth = running(host);
    assert_runs(host, &fifth, "fifth");
    assert_eq!(generation(host), foreign_number + 1, "nixos-rebuild has made a generation");
    let numbers = [number, foreign_number, foreign_number + 1];
    let systems = numbers
        .map(|number| host.ask(&format!("readlink /nix/var/nix/profiles/system-{number}-link")).unwrap());
    assert_eq!(systems, [fourth.clone(), foreign.clone(), fifth.clone()]);

    let (finished, ended) = on_host(&lab, &format!("rollback --yes --to {foreign_number}"));
    assert_eq!(ended["outcome"], "ok", "{finished}");
    assert_eq!((running(host), boot_default(host)), (foreign.clone(), foreign));
    assert_eq!(versions(host), ["foreign", ""], "the generation has nothing of NixFleet");
    assert_eq!(status(&lab)["drift"], serde_json::json!([]));

    // Somebody has changed only the boot default, and the running system is still that of the last apply.
    declares(&lab, HOST, &app("fifth", ""));
    applies(&lab, "ok");
    installs(host, &fourth);
    let plan = operator.types("nixfleet plan").unwrap();
    let step = format!("~ boot default {} → {}  after the confirmation", shown(&fourth), shown(&fifth));
    assert_eq!(section(&plan, "system"), [step], "{plan}");
    applies(&lab, "ok");
    assert_runs(host, &fifth, "fifth");
}

#[test]
fn paths_belong_to_accounts_that_the_same_change_creates() {
    let lab = LAB.turn();
    let host = db(&lab);
    // The service runs as the new user, and reads a file of this user as soon as it starts.
    let role = "nixfleet.users.worker = { };
        nixfleet.directories.\"/srv/worker\" = { owner = \"worker\"; group = \"worker\"; mode = \"0700\"; };
        nixfleet.files.\"/srv/worker/token\" = { owner = \"worker\"; group = \"worker\"; mode = \"0400\"; text = \"secret\\n\"; };";
    let worker = service(
        "worker",
        "User=worker\nExecStart=/bin/sh -ec 'read token </srv/worker/token; exec sleep infinity'",
    );
    let rights = || host.ask("stat --format '%U:%G %a' /srv/worker /srv/worker/token").unwrap();
    let wanted = "worker:worker 700\nworker:worker 400";

    declares(&lab, HOST, &app("two", &format!("{role}{worker}")));
    applies(&lab, "ok");
    assert_eq!(rights(), wanted);
    assert_eq!(host.unit("worker.service").unwrap().active, "active");
    applies(&lab, "unchanged");

    // NixOS removes the account with the role. A rollback brings it back together with its paths.
    let newer = generation(host);
    declares(&lab, HOST, &app("three", ""));
    applies(&lab, "ok");
    host.ask("! test -e /srv/worker").unwrap();
    host.ask("userdel worker").unwrap();
    let (finished, ended) = on_host(&lab, &format!("rollback --yes --to {newer}"));
    assert_eq!(ended["outcome"], "ok", "{finished}");
    assert_eq!(rights(), wanted);
    assert_eq!(host.unit("worker.service").unwrap().active, "active");
}

#[test]
fn a_changed_file_below_etc_restarts_or_reloads_exactly_the_unit_that_it_names() {
    let lab = LAB.turn();
    let (host, operator) = (db(&lab), lab.operator().unwrap());
    let declare = |restarted: u32, reloaded: u32| {
        let units = service("restarted", "ExecStart=/bin/sleep infinity")
            + &service(
                "reloaded",
                "ExecStart=/bin/sleep infinity\nExecReload=/bin/sh -c 'echo again >>/run/reloads'",
            );
        let files = format!(
            "nixfleet.files.\"/etc/app/first\" = {{ text = \"{restarted}\"; restartUnits = [ \"restarted.service\" ]; }};
             nixfleet.files.\"/etc/app/second\" = {{ text = \"{reloaded}\"; reloadUnits = [ \"reloaded.service\" ]; }};"
        );
        declares(&lab, HOST, &app("two", &(units + &files)));
    };
    let pids = || {
        ["restarted", "reloaded", "app"].map(|unit| host.unit(&format!("{unit}.service")).unwrap().main_pid)
    };
    let files = || host.ask("cat /etc/app/first; echo; cat /etc/app/second").unwrap();
    let units = |plan: &Finished| -> Vec<String> {
        section(plan, "system").into_iter().skip(2).map(str::to_owned).collect()
    };

    // A file that NixOS has not made is at one of the new paths, and the plan warns before NixOS replaces it.
    host.ask("mkdir -p /etc/app; echo mine >/etc/app/first; rm -f /run/reloads").unwrap();
    declare(1, 1);
    let foreign = "exists as a file that NixOS has not made; the activation replaces it and keeps no copy";
    assert_says(&operator.types("nixfleet plan").unwrap(), 0, &["/etc/app/first", foreign]);
    applies(&lab, "ok");
    assert_eq!(files(), "1\n1");
    let first = pids();

    declare(2, 1);
    let plan = operator.types("nixfleet plan").unwrap();
    assert!(!plan.stdout.contains(foreign), "{plan}");
    assert_eq!(units(&plan), ["~ restart: restarted.service"], "{plan}");
    applies(&lab, "ok");
    let second = pids();
    assert_eq!(files(), "2\n1");
    assert_eq!([0, 1, 2].map(|unit| first[unit] == second[unit]), [false, true, true]);
    host.ask("test ! -e /run/reloads").unwrap();

    declare(2, 2);
    let plan = operator.types("nixfleet plan").unwrap();
    assert_eq!(units(&plan), ["~ reload: reloaded.service"], "{plan}");
    applies(&lab, "ok");
    assert_eq!((files(), pids()), ("2\n2".to_owned(), second));
    assert_eq!(host.ask("cat /run/reloads").unwrap(), "again");
    applies(&lab, "unchanged");
    host.ask("rm /run/reloads").unwrap();
}

#[test]
fn changes_by_hand_are_drift() {
    let lab = LAB.turn();
    let (host, operator) = (db(&lab), lab.operator().unwrap());
    let conf = "nixfleet.files.\"/etc/app.conf\" = { text = \"listen\\n\"; mode = \"0640\"; };";
    // No active target wants this unit, so nothing is wrong if it does not run.
    let off = "nixfleet.systemd.units.\"off.service\" = { enabled = true; text = ''
           [Service]
           ExecStart=/bin/sleep infinity
           [Install]
           WantedBy=rescue.target
         ''; };";
    declares(&lab, HOST, &app("two", &format!("{conf}{off}")));
    applies(&lab, "ok");
    let system = running(host);
    let seen = status(&lab);
    assert_eq!(seen["drift"], serde_json::json!([]), "{seen:#}");
    assert!(seen["units"].to_string().contains("app.service"), "{seen:#}");
    applies(&lab, "unchanged");

    // NixFleet starts the unit again. It leaves the file to NixOS, and says so.
    host.ask("systemctl stop app.service && echo edited >/etc/app.conf").unwrap();
    let subjects = |status: &serde_json::Value| {
        let drift = status["drift"].as_array().unwrap().iter();
        let line = |it: &serde_json::Value| format!("{}: {}", it["subject"], it["what"]).replace('"', "");
        drift.map(line).collect::<Vec<_>>()
    };
    let mut found = subjects(&status(&lab));
    found.sort();
    assert_eq!(found, ["/etc/app.conf: content edited", "app.service: not running"]);
    let plan = operator.types("nixfleet plan").unwrap();
    let sayings =
        ["! /etc/app.conf: content edited", "! app.service: not running", "switch-to-configuration test"];
    assert_says(&plan, 0, &sayings);
    let (finished, ended) = on_host(&lab, "apply --yes");
    assert_eq!(
        (&ended["outcome"], &ended["reasonCode"]),
        (&"partial".into(), &"paths-left-out".into()),
        "{finished}"
    );
    assert_runs(host, &system, "two");
    assert_eq!(subjects(&status(&lab)), ["/etc/app.conf: content edited"]);

    switch(host, &system, "test").success().unwrap();
    assert_eq!(
        host.ask("stat --format '%a %U' /etc/app.conf; cat /etc/app.conf").unwrap(),
        "640 root\nlisten"
    );
    assert_eq!(status(&lab)["drift"], serde_json::json!([]));
    applies(&lab, "unchanged");
}
