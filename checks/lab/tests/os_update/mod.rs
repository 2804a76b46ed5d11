//! Tests of updates of the operating system, with the commands of the activator, on a host with Debian 13 and
//! on one with Debian 12. The packages and their repository are made by the tests.

mod commands;
mod failures;
mod scopes;

use std::collections::BTreeMap;
use std::sync::Mutex;

use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::{Lab, Plan};
use nixfleet_lab::recipe::Recipe;
use serde_json::{Value, json};

use crate::apt::repository::{Package, Repository, SECURITY, STABLE};
use crate::stage::shared::{Shared, Turn};
use crate::stage::{applies, outcomes_of};

/// The command of the activator that an apply has installed on a host.
const ACTIVATOR: &str = "/nix/var/nix/profiles/nixfleet/activator";
/// The unit of the daemon.
const UNIT: &str = "[Service]\nExecStart=/usr/lib/osapp/daemon infinity\n";
/// The script copies a program of the host, so that each version of the package brings another file. It is a
/// stand-in for a package with a program. Like many packages, it leaves the running daemon alone.
const DAEMON: &str = "while [ -e /etc/osapp.slow ]; do touch /run/osapp.configures; sleep 0.1; done\n\
                      [ ! -e /etc/osapp.fails ]\n\
                      mkdir -p /usr/lib/osapp\ncp /usr/bin/sleep /usr/lib/osapp/daemon.new\n\
                      mv /usr/lib/osapp/daemon.new /usr/lib/osapp/daemon\n\
                      systemctl daemon-reload\n[ -n \"$2\" ] || systemctl start osapp.service\n";
/// The script asks for a reboot as those of Ubuntu's kernels do, but only after an update.
const ASKS: &str =
    "if [ -n \"$2\" ]; then touch /run/reboot-required; echo oslib >> /run/reboot-required.pkgs; fi\n";

/// The repository of all tests.
static REPOSITORY: Mutex<Option<Repository>> = Mutex::new(None);

/// A lab with two hosts that have the first version of each package, and an inventory that holds `held-*`.
static LAB: Shared = Shared::restored(|| {
    let plan = Plan::of_test().without("db-1").with_root("web-2", Recipe::older_host());
    let lab = Lab::boot(&plan).unwrap();
    let files = lab.operator().unwrap().guest().files().unwrap();
    let role = "{ nixfleet.apt.holds = [ \"held-*\" ]; }\n";
    files.write("/home/ada/fleet/roles/web.nix", role).unwrap();
    publish(&lab, &first());
    let key = REPOSITORY.lock().unwrap().as_ref().unwrap().key();
    for host in lab.hosts() {
        host.files().unwrap().write("/etc/apt/keyrings/tests.asc", &key).unwrap();
        let addr = lab.operator().unwrap().guest().addr().to_owned();
        let packages: Vec<&str> = first().iter().map(|(_, package)| package.name).collect();
        host.ask(&format!(
            "rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*\n\
             for suite in {STABLE} {SECURITY}; do\n\
             echo \"deb [signed-by=/etc/apt/keyrings/tests.asc] http://{addr}:8000/ $suite main\"; done \
             > /etc/apt/sources.list\n\
             apt-get -qq update && apt-get -qq -y install {} >/dev/null 2>&1\n\
             apt-mark -qq hold marked && apt-mark -qq auto extra",
            packages.join(" ")
        ))
        .unwrap();
    }
    assert_eq!(applies(&lab, "--role web"), outcomes_of([("web-1", "ok"), ("web-2", "ok")]));
    lab
});

/// Publishes exactly these packages.
fn publish(lab: &Lab, packages: &[(&'static str, Package)]) {
    let mut guard = REPOSITORY.lock().unwrap();
    let repository = guard.get_or_insert_with(Repository::new);
    repository.clear();
    for (distribution, package) in packages {
        repository.add_to(distribution, package);
    }
    repository.publish(lab);
}

fn plain(name: &'static str, version: &'static str, control: &'static str) -> Package {
    Package { name, version, control, ..Package::default() }
}

fn osapp(version: &'static str) -> Package {
    let files = vec![("/usr/lib/systemd/system/osapp.service", 0o644, UNIT)];
    Package { name: "osapp", version, files, postinst: DAEMON, ..Package::default() }
}

fn oslib(version: &'static str, control: &'static str) -> Package {
    Package { name: "oslib", version, control, postinst: ASKS, ..Package::default() }
}

/// The packages that the hosts have.
fn first() -> Vec<(&'static str, Package)> {
    let plain = ["clash", "extra", "held-one", "marked", "victim"].map(|name| plain(name, "1.0", ""));
    let all = plain.into_iter().chain([osapp("1.0"), oslib("1.0", "")]);
    all.map(|package| (STABLE, package)).collect()
}

/// The updates of these packages.
fn second() -> Vec<(&'static str, Package)> {
    vec![
        (STABLE, plain("clash", "2.0", "Conflicts: victim\n")),
        (STABLE, plain("extra", "1.2", "")),
        (SECURITY, plain("extra", "1.1", "")),
        (STABLE, plain("held-one", "2.0", "")),
        (STABLE, plain("marked", "2.0", "")),
        (STABLE, osapp("2.0")),
        (SECURITY, oslib("1.1", "Depends: osdep\n")),
        (STABLE, plain("osdep", "1.0", "")),
    ]
}

/// The packages of the archive after it has moved on: it has none of the files of [`second`] any more.
fn third() -> Vec<(&'static str, Package)> {
    vec![
        (SECURITY, plain("extra", "1.3", "")),
        (STABLE, osapp("3.0")),
        (SECURITY, oslib("1.4", "")),
        (STABLE, plain("osdep", "2.0", "")),
    ]
}

/// The lab, and the host of the test.
struct Stage(Turn<'static>, &'static str);

impl Stage {
    /// Gives the host the updates.
    fn set(host: &'static str) -> Self {
        let stage = Self(LAB.turn(), host);
        publish(&stage.0, &second());
        stage
    }

    fn host(&self) -> &Guest {
        self.0.guest(self.1).unwrap()
    }

    /// Runs a command of the activator, and returns its document.
    #[track_caller]
    fn runs(&self, command: &str) -> Value {
        let finished = self.host().sh(&format!("{ACTIVATOR} {command} --json")).unwrap();
        let last = finished.stdout.lines().next_back().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|_| panic!("{finished}"))
    }

    /// Plans an update that nothing prevents.
    #[track_caller]
    fn plans(&self, scope: &str) -> Value {
        let plan = self.runs(&format!("os-plan --scope {scope}"));
        assert_eq!(plan["apt"]["problems"], Value::Null, "{plan:#}");
        plan
    }

    /// Downloads an update, and returns its fingerprint.
    #[track_caller]
    fn downloads(&self, plan: &Value) -> String {
        self.host().files().unwrap().write("/root/plan.json", plan.to_string()).unwrap();
        assert_eq!(self.runs("os-download < /root/plan.json"), json!({ "schema": 1 }));
        plan["apt"]["fingerprint"].as_str().unwrap().to_owned()
    }

    /// Installs an update, with this outcome.
    #[track_caller]
    fn updates(&self, fingerprint: &str, outcome: &str) -> Value {
        let report = self.runs(&format!("os-update --expect {fingerprint}"));
        assert_eq!(report["outcome"], outcome, "{report:#}");
        report
    }

    /// Plans, downloads and installs all updates, with this outcome.
    #[track_caller]
    fn updates_all(&self, outcome: &str) -> Value {
        self.updates(&self.downloads(&self.plans("full")), outcome)
    }

    /// Returns the operating system in the status of the host.
    fn status(&self) -> Value {
        self.runs("status")["os"].clone()
    }

    fn version(&self, package: &str) -> String {
        let script = format!("dpkg-query --show --showformat='${{Version}}' {package} 2>/dev/null");
        self.host().sh(&script).unwrap().stdout
    }
}

/// Returns the versions that a plan installs, by package.
fn versions(plan: &Value) -> BTreeMap<String, String> {
    let packages = plan["apt"]["packages"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    packages.map(|package| (text(&package["name"]), text(&package["to"]["version"]))).collect()
}

/// Returns the reasons for which a plan leaves updates out, by package.
fn held(plan: &Value) -> Value {
    let held = plan["held"].as_array().unwrap().iter();
    held.map(|update| (update["name"].as_str().unwrap().to_owned(), update["why"].clone())).collect()
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    outcomes_of(pairs)
}

fn why(reason: &str) -> Value {
    json!({ "reason": reason })
}
