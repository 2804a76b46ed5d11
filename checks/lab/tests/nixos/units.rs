//! The effect of a switch to a new NixOS system on the running units.

use nixfleet_lab::command::Finished;
use nixfleet_lab::guest::Guest;

use super::{FACTORY, LAB, db};
use crate::stage::assert_says;
use crate::stage::nixos::{running, switch, system};

/// Returns the declaration of a service that starts at boot and keeps running. `lines` end its unit file.
fn service(name: &str, lines: &str) -> String {
    let text = format!("[Service]\\nExecStart=/usr/bin/sleep infinity\\nExecReload=/usr/bin/true\\n{lines}");
    format!("systemd.units.\"{name}\" = {{ text = \"{text}\"; wantedBy = [ \"multi-user.target\" ]; }};\n")
}

/// Returns the ids of the main processes of units.
fn pids<const N: usize>(host: &Guest, units: [&str; N]) -> [u32; N] {
    units.map(|unit| host.unit(unit).unwrap().main_pid)
}

/// Returns the lines in which a switch says what it does. The lines that systemd writes are left out.
fn said(finished: &Finished) -> Vec<&str> {
    let lines = finished.stdout.lines();
    lines.filter(|line| line.contains("the following") || line.ends_with("...")).collect()
}

#[test]
#[ignore = "run by make soak-hosts"]
fn units_start_stop_restart_and_reload_by_the_rules_of_nixos() {
    let lab = LAB.turn();
    let host = db(&lab);
    let generation = |version: u32, more: &str| {
        let v = format!("Environment=V={version}\\n");
        let kinds = [
            service("restarts.service", &format!("X-StopIfChanged=false\\n{v}")),
            service("stops.service", &v),
            service("reloads.service", &format!("X-ReloadIfChanged=true\\n{v}")),
            service("stays.service", &format!("X-RestartIfChanged=false\\n{v}")),
            service("manual.service", &format!("{v}[Unit]\\nX-OnlyManualStart=true\\n")),
            service("same.service", ""),
            service("described.service", &format!("[Unit]\\nDescription={version}\\n")),
            service("triggered.service", &format!("[Unit]\\nX-Reload-Triggers={version}\\n")),
        ];
        system(&lab, "db-1", &(kinds.concat() + more))
    };
    let first = generation(
        1,
        &(service("goes.service", "") + &service("lives-on.service", "[Unit]\\nX-StopOnRemoval=false\\n")),
    );
    let second = generation(2, &service("comes.service", ""));
    let finished = switch(host, &first, "test").success().unwrap();
    assert_says(&finished, 0, &["the following new units were started: ", "goes.service", "stops.service"]);
    assert_eq!(running(host), first);

    let names =
        ["restarts", "stops", "reloads", "stays", "manual", "same", "described", "triggered", "lives-on"];
    let names = names.map(|name| format!("{name}.service"));
    let of = || pids(host, names.each_ref().map(String::as_str));
    let before = of();
    let foretold = switch(host, &second, "dry-activate").success().unwrap();
    assert_eq!(
        said(&foretold),
        [
            "would stop the following units: goes.service, stops.service",
            "would NOT stop the following changed units: manual.service, stays.service",
            "would activate the configuration...",
            "would reload the following units: reloads.service, triggered.service",
            "would restart the following units: restarts.service",
            "would start the following units: stops.service",
        ]
    );
    assert_eq!((of(), running(host)), (before, first));

    let done = switch(host, &second, "test").success().unwrap();
    assert_eq!(
        said(&done),
        [
            "stopping the following units: goes.service, stops.service",
            "NOT restarting the following changed units: manual.service, stays.service",
            "activating the configuration...",
            "reloading the following units: reloads.service, triggered.service",
            "restarting the following units: restarts.service",
            "starting the following units: stops.service",
            "the following new units were started: comes.service",
        ]
    );
    let changed: Vec<bool> = of().iter().zip(before).map(|(now, before)| *now != before).collect();
    assert_eq!(changed, [true, true, false, false, false, false, false, false, false]);
    assert_eq!(host.unit("goes.service").unwrap().active, "inactive");
    assert_eq!(host.unit("comes.service").unwrap().sub, "running");

    let again = switch(host, &second, "test").success().unwrap();
    assert_eq!(said(&again), ["activating the configuration..."]);
    host.ask("systemctl stop lives-on.service").unwrap();
}

#[test]
#[ignore = "run by make soak-hosts"]
fn the_settings_of_a_unit_decide_between_restart_and_reload() {
    let lab = LAB.turn();
    let service = "[Service]\nExecStart=/a\n";
    let rows = [
        (service, service, "equal"),
        (service, "[Service]\nExecStart=/b\n", "restart"),
        (service, "# A comment\n[Service]\n\nExecStart = /a\n", "equal"),
        (service, "[Service]\nExecStart=/b\nExecStart=\nExecStart=/a\n", "equal"),
        (service, "[Service]\nExecStart=/a\n[Install]\nWantedBy=multi-user.target\n", "equal"),
        (service, "[Service]\nExecStart=/a\nExecReload=/r\n", "reload"),
        ("[Service]\nExecStart=/a\nExecReload=/r\n", service, "equal"),
        (service, "[Unit]\nDescription=x\n[Service]\nExecStart=/a\n", "equal"),
        (service, "[Unit]\nX-Reload-Triggers=x\n[Service]\nExecStart=/a\n", "reload"),
        (service, "[Unit]\nX-Restart-Triggers=x\n[Service]\nExecStart=/a\n", "restart"),
        ("[Unit]\nX-Reload-Triggers=x\n[Service]\nExecStart=/a\n", service, "equal"),
        (service, "[Service]\nExecStart=/a\n[X-Own]\n", "restart"),
        ("[Mount]\nOptions=ro\n", "[Mount]\nOptions=rw\n", "reload"),
        ("[Mount]\nWhat=a\n", "[Mount]\nWhat=b\n", "restart"),
        ("[Mount]\nWhat=a\n", "[Mount]\nWhat=a\n[Service]\nExecReload=/r\n", "reload"),
        ("[Mount]\nWhat=a\n[Service]\nExecReload=/r\n", "[Mount]\nWhat=a\n", "equal"),
        ("[Mount]\nWhat=a\n[Service]\n", "[Mount]\nWhat=a\n", "restart"),
        (
            "[Mount]\nWhat=a\n",
            "[Unit]\nDescription=x\n[Mount]\nWhat=a\n[Service]\nExecReload=/r\n",
            "restart",
        ),
    ];
    let script = "import sys; sys.dont_write_bytecode = True; sys.path.insert(0, sys.argv[1]); import units; \
                  print(units.compare(*(units.Settings().read(path) for path in sys.argv[2:])).value)";
    let host = db(&lab);
    for (old, new, expected) in rows {
        let files = host.files().unwrap();
        files.write("/run/old.service", old).unwrap();
        files.write("/run/new.service", new).unwrap();
        let found = host.ask(&format!(
            "python3 -c '{script}' $(dirname $(readlink -f {FACTORY}/activate)) /run/old.service /run/new.service"
        ));
        assert_eq!(found.unwrap(), expected, "{old}→\n{new}");
    }
}

#[test]
#[ignore = "run by make soak-hosts"]
fn an_activation_script_requests_restarts_and_reloads() {
    let lab = LAB.turn();
    let host = db(&lab);
    let units = service("restarts.service", "") + &service("reloads.service", "");
    let requests = "system.activationScripts.app = \"echo restarts.service >>/run/nixos/activation-restart-list; \
                    echo reloads.service >>/run/nixos/activation-reload-list\";";
    let first = system(&lab, "db-1", &units);
    let second = system(&lab, "db-1", &(units + requests));
    switch(host, &first, "test").success().unwrap();
    let before = pids(host, ["restarts.service", "reloads.service"]);
    let finished = switch(host, &second, "test").success().unwrap();
    assert_says(
        &finished,
        0,
        &[
            "reloading the following units: reloads.service\n",
            "restarting the following units: restarts.service\n",
        ],
    );
    let after = pids(host, ["restarts.service", "reloads.service"]);
    assert_eq!((before[0] == after[0], before[1] == after[1]), (false, true));
}

#[test]
#[ignore = "run by make soak-hosts"]
fn a_socket_restarts_in_place_of_its_service() {
    let lab = LAB.turn();
    let host = db(&lab);
    let generation = |version: u32| {
        let socket = "systemd.units.\"web.socket\" = { text = \"[Socket]\\nListenStream=8099\\n\"; \
                      wantedBy = [ \"sockets.target\" ]; };\n";
        let service = format!(
            "systemd.units.\"web.service\".text = \"[Service]\\nExecStart=/usr/bin/sleep infinity\\n\
             Environment=V={version}\\n\";"
        );
        system(&lab, "db-1", &(socket.to_owned() + &service))
    };
    let (first, second) = (generation(1), generation(2));
    switch(host, &first, "test").success().unwrap();
    host.ask("systemctl start web.service").unwrap();
    let finished = switch(host, &second, "test").success().unwrap();
    assert_says(&finished, 0, &["stopping the following units: web.service, web.socket\n"]);
    assert_says(&finished, 0, &["starting the following units: web.socket\n"]);
    let [socket, service] = ["web.socket", "web.service"].map(|unit| host.unit(unit).unwrap().active);
    assert_eq!((socket.as_str(), service.as_str()), ("active", "inactive"));
}

#[test]
#[ignore = "run by make soak-hosts"]
fn failed_units_are_named_and_activation_is_complete() {
    let lab = LAB.turn();
    let host = db(&lab);
    let broken = "systemd.units.\"broken.service\" = { text = \"[Service]\\nType=oneshot\\nExecStart=/usr/bin/false\\n\"; \
                  wantedBy = [ \"multi-user.target\" ]; };\n\
                  systemd.units.\"dies.service\" = { text = \"[Service]\\nExecStart=/usr/bin/false\\nRestart=always\\n\
                  RestartSec=60\\n\"; wantedBy = [ \"multi-user.target\" ]; };";
    let system = system(&lab, "db-1", broken);
    let finished = switch(host, &system, "test");
    assert_says(&finished, 4, &["warning: the following units failed: broken.service, dies.service\n"]);
    assert_eq!(running(host), system);
    // The next switch does not report these failures again.
    assert_says(&switch(host, FACTORY, "test"), 0, &[]);
}

#[test]
#[ignore = "run by make soak-hosts"]
fn a_run_that_is_killed_is_continued_by_the_next() {
    let lab = LAB.turn();
    let host = db(&lab);
    let generation = |version: u32, script: &str| {
        let unit = service("app.service", &format!("Environment=V={version}\\n"));
        system(&lab, "db-1", &format!("{unit}system.activationScripts.wait = \"{script}\";"))
    };
    let first = generation(1, "true");
    let second = generation(2, "[ -e /run/go ] || { touch /run/waits; sleep infinity; }");
    switch(host, &first, "test").success().unwrap();
    let run =
        format!("rm -f /run/go /run/waits; systemd-run --unit=run {second}/bin/switch-to-configuration test");
    host.ask(&run).unwrap();
    host.ask("until [ -e /run/waits ]; do sleep 0.05; done").unwrap();
    assert_eq!(host.unit("app.service").unwrap().active, "inactive");
    // No other switch can start while this switch runs.
    assert_says(&switch(host, &first, "test"), 11, &["Could not acquire lock"]);

    host.ask("systemctl kill --signal=KILL run; touch /run/go; systemctl reset-failed run").ok();
    assert_eq!(host.ask("cat /run/nixos/start-list").unwrap().lines().last(), Some("timers.target"));
    let finished = switch(host, &second, "test");
    assert_says(&finished, 0, &["starting the following units: app.service\n"]);
    assert_eq!(host.unit("app.service").unwrap().sub, "running");
    assert!(host.sh("ls /run/nixos/*-list").unwrap().code != 0);
}

#[test]
#[ignore = "run by make soak-hosts"]
fn files_accounts_and_links_are_those_of_the_system() {
    let lab = LAB.turn();
    let host = db(&lab);
    let made =
        || host.ask("find /etc -lname '/etc/static/*'; find /etc/systemd/system; cat /etc/.clean").unwrap();
    let before = made();
    let system = system(
        &lab,
        "db-1",
        "environment.etc.\"app/linked\".text = \"a\";\n\
         environment.etc.\"app/copied\" = { text = \"b\"; mode = \"0640\"; user = \"app\"; group = \"team\"; };\n\
         environment.etc.\"app/direct\" = { source = \"/opt/app\"; mode = \"direct-symlink\"; };\n\
         users.users.app = { isSystemUser = true; group = \"app\"; extraGroups = [ \"team\" ]; };\n\
         users.groups.app = { }; users.groups.team = { };\n\
         systemd.units.\"app.service\" = { text = \"[Service]\\nExecStart=/usr/bin/sleep infinity\\n\"; \
         aliases = [ \"also.service\" ]; wantedBy = [ \"multi-user.target\" ]; };\n\
         nixfleet.systemd.units.\"app.service\".dropIns.\"10.conf\".text = \"[Service]\\nEnvironment=A=b\\n\";",
    );
    switch(host, &system, "test").success().unwrap();
    let files = "stat -c '%N %a %U:%G' /etc/app/*";
    assert_eq!(
        host.ask(files).unwrap().lines().collect::<Vec<_>>(),
        [
            "'/etc/app/copied' 640 app:team",
            "'/etc/app/direct' -> '/opt/app' 777 root:root",
            "'/etc/app/linked' -> '/etc/static/app/linked' 777 root:root",
        ]
    );
    assert_eq!(host.ask("id -Gn app").unwrap(), "app team");
    let [app, also] = ["app.service", "also.service"].map(|unit| host.unit(unit).unwrap().main_pid);
    assert_eq!(app, also);
    assert_eq!(host.ask("systemctl show --value -p Environment app").unwrap(), "A=b");
    switch(host, &system, "test").success().unwrap();

    switch(host, FACTORY, "test").success().unwrap();
    assert_eq!((made(), host.ask("ls /etc/app").unwrap()), (before, String::new()));
    assert_eq!(host.unit("app.service").unwrap().active, "inactive");
}
