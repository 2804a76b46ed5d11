//! The host db-1 with several versions of an application, and the comparison with the host's state before a
//! change.

use nixfleet_lab::command::Finished;
use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::Lab;
use nixfleet_lab::snapshot::Snapshot;
use nixfleet_lab::unit::Unit;
use serde_json::Value;

use crate::stage::assert_says;
use crate::stage::nixos::{
    boot_default, booted, declares, declares_fleet, fresh, native_profile, reboots, running,
};
use crate::stage::shared::Shared;

pub const HOST: &str = "db-1";

/// Returns the declarations of one version of the application. The application is a service that writes the
/// version to `/run/app` while it runs, and a file outside of `/etc`, which NixFleet manages without NixOS.
/// `more` is appended.
pub fn app(version: &str, more: &str) -> String {
    format!(
        "nixfleet.systemd.units.\"app.service\" = {{ enabled = true; text = ''
           [Service]
           ExecStart=/bin/sh -c 'echo {version} >/run/app; exec sleep infinity'
           ExecStopPost=/bin/rm /run/app
           [Install]
           WantedBy=multi-user.target
         ''; }};
         nixfleet.files.\"/srv/app/version\".text = \"{version}\\n\";
         {more}"
    )
}

/// Returns the declaration of a service that is part of `multi-user.target`. `lines` are lines of its section
/// `[Service]`.
pub fn service(name: &str, lines: &str) -> String {
    format!(
        "nixfleet.systemd.units.\"{name}.service\" = {{ enabled = true; text = ''
           [Service]
           {lines}
           [Install]
           WantedBy=multi-user.target
         ''; }};"
    )
}

/// Returns the declaration of a service that runs one command when it starts and another command when it
/// stops.
pub fn toggle(start: &str, stop: &str) -> String {
    service("toggle", &format!("Type=oneshot\nRemainAfterExit=true\nExecStart={start}\nExecStop={stop}"))
}

pub fn db(lab: &Lab) -> &Guest {
    lab.guest(HOST).unwrap()
}

/// The lab of these tests. At the start of each test, its host has version one of the application.
pub static LAB: Shared = Shared::new(converged, reset);

/// Boots a lab with the host, and applies version one of the application.
pub fn converged() -> Lab {
    let lab = fresh(&[HOST]);
    declares(&lab, HOST, &app("one", ""));
    applies(&lab, "ok");
    lab
}

/// Resets the host to version one of the application. If an earlier test gave the host another kernel, this
/// reboots the host.
pub fn reset(lab: &Lab) {
    declares_fleet(lab);
    declares(lab, HOST, &app("one", ""));
    let (mut finished, mut host) = apply(lab, "");
    if host["reasonCode"] == "reboot-to-finish" {
        reboots(db(lab));
        (finished, host) = apply(lab, "");
    }
    assert!(["ok", "unchanged"].contains(&host["outcome"].as_str().unwrap()), "{finished}");
}

/// Applies the fleet to the host. Returns the finished command and the entry of the host in the command's
/// JSON document.
pub fn apply(lab: &Lab, flags: &str) -> (Finished, Value) {
    on_host(lab, &format!("apply --yes {flags}"))
}

/// Runs a command of NixFleet for the host. Returns the finished command and the host's entry in its JSON
/// document.
pub fn on_host(lab: &Lab, command: &str) -> (Finished, Value) {
    let line = format!("nixfleet {command} --json --host {HOST}");
    let (finished, mut document) = lab.operator().unwrap().types_for_json(&line).unwrap();
    let host = document["hosts"][0].take();
    (finished, host)
}

/// Applies the fleet to the host, and asserts the outcome. Returns the host's entry in the JSON document.
#[track_caller]
pub fn applies(lab: &Lab, outcome: &str) -> Value {
    let (finished, host) = apply(lab, "");
    assert!(finished.ok() && host["outcome"] == outcome, "{finished}");
    host
}

/// Returns the status of the host, as `nixfleet status --json` reports it.
pub fn status(lab: &Lab) -> Value {
    on_host(lab, "status").1["status"].take()
}

/// Returns the numbers of the generations in this status that another tool has made.
pub fn external(status: &Value) -> Vec<u64> {
    let generations = status["generations"].as_array().unwrap().iter();
    let external = generations.filter(|generation| generation["external"] == true);
    external.map(|generation| generation["number"].as_u64().unwrap()).collect()
}

/// Returns the lines of a section of a plan, without indentation.
pub fn section<'p>(plan: &'p Finished, title: &str) -> Vec<&'p str> {
    let lines = plan.stdout.lines().skip_while(|line| *line != format!("  {title}")).skip(1);
    lines.map_while(|line| line.strip_prefix("    ")).collect()
}

/// Returns the version that the service has written, and the version in the managed file.
pub fn versions(host: &Guest) -> [String; 2] {
    ["/run/app", "/srv/app/version"].map(|file| host.sh(&format!("cat {file}")).unwrap().line().to_owned())
}

/// Asserts that the host runs this system, that the system is the boot default, and that the application has
/// this version.
#[track_caller]
pub fn assert_runs(host: &Guest, system: &str, version: &str) {
    assert_eq!((&*running(host), &*boot_default(host)), (system, system));
    assert_eq!(native_profile(host), system);
    assert_eq!(versions(host), [version; 2]);
    let unit = if version.is_empty() { "inactive" } else { "active" };
    assert_eq!(host.unit("app.service").unwrap().active, unit);
}

/// The state of the host before a change that has to be undone.
pub struct Before<'l> {
    lab: &'l Lab,
    snapshot: Snapshot,
    system: String,
    status: Value,
    app: Unit,
}

impl<'l> Before<'l> {
    pub fn take(lab: &'l Lab) -> Self {
        let host = db(lab);
        let snapshot = Snapshot::take(host).unwrap();
        let app = host.unit("app.service").unwrap();
        Self { lab, snapshot, system: running(host), status: status(lab), app }
    }

    /// Asserts that the old system runs and is the boot default, that the host differs in nothing but new
    /// store paths, and that the status shows the old generation.
    #[track_caller]
    pub fn assert_back(&self) {
        let host = db(self.lab);
        let difference = self.snapshot.difference(&Snapshot::take(host).unwrap());
        // A host that lost its power has booted the old system, so its booted system may differ.
        // `ldconfig.service` may differ too: it runs only at the first boot of a host of this lab, because
        // the files of the lab make `/usr` newer than `/etc/.updated`.
        let is_booted = booted(host) == self.system;
        let of_boot = ["~ /run/booted-system: ", "~ unit ldconfig.service: "];
        let expected = |line: &&str| {
            line.starts_with("+ store ") || (is_booted && of_boot.iter().any(|start| line.starts_with(start)))
        };
        let difference: Vec<&str> = difference.lines().filter(|line| !expected(line)).collect();
        assert!(difference.is_empty(), "{HOST} is not as it was:\n{}", difference.join("\n"));
        assert_runs(host, &self.system, "one");
        let status = status(self.lab);
        for part in ["current", "generations", "drift", "interrupted", "lockedBy"] {
            assert_eq!(status[part], self.status[part], "{part}: {status:#}");
        }
        let shown = self.lab.operator().unwrap().types(&format!("nixfleet status --host {HOST}")).unwrap();
        assert_says(&shown, 0, &["managed"]);
    }

    /// Asserts what [`Self::assert_back`] asserts, and that the service of the application never stopped.
    #[track_caller]
    pub fn assert_untouched(&self) {
        self.assert_back();
        assert_eq!(db(self.lab).unit("app.service").unwrap(), self.app);
    }
}
