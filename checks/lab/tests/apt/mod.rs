//! Tests of packages that apt installs, on a host with Debian 13 and on one with Debian 12. The packages and
//! their repository are made by the tests.

mod answers;
mod credentials;
mod downloads;
mod failures;
mod first_starts;
mod interruptions;
mod nginx;
mod others;
mod removals;
pub mod repository;
mod resources;
mod sources;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::{env, slice, thread};

use nixfleet_lab::command::Finished;
use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::{Lab, Plan};
use nixfleet_lab::recipe::Recipe;
use repository::{Package, Repository, SERVED};
use serde_json::{Value, json};

use crate::stage::shared::{Shared, Turn};
use crate::stage::{SOAK, outcomes, outcomes_of};

/// The two hosts: Debian 13 and Debian 12.
const HOSTS: [&str; 2] = ["web-1", "web-2"];
const UNIT: &str = "[Service]\nExecStart=/usr/bin/app\nUser=app\n[Install]\nWantedBy=multi-user.target\n";
/// The fleet file of the operator.
const FLEET: &str = "/home/ada/fleet/fleet.nix";
/// A daemon that notes its configuration at each start.
const DAEMON: &str = "#!/bin/sh\ncat /etc/app.conf >> /var/lib/app/starts\nexec sleep infinity\n";
/// The program of the package that checks its configuration. It accepts only that of the fleet.
const CHECK: &str = "#!/bin/sh\necho checked >>/var/lib/app/checks\ngrep -q fleet \"$1\"\n";
/// Like many packages, the script starts the daemon as soon as it is installed.
const POSTINST: &str = "getent passwd app >/dev/null || useradd --system --user-group --home-dir /var/lib/app app\n\
                        mkdir -p /var/lib/app && chown app: /var/lib/app && env > /var/lib/app/environment\n\
                        while [ -e /etc/app.slow ]; do touch /run/app.configures; sleep 0.1; done\n\
                        systemctl daemon-reload\nsystemctl start app.service\n";
const PRERM: &str = "while [ -e /etc/app.lingers ]; do touch /run/app.lingers; sleep 0.1; done\n\
                     [ \"$1\" != remove ] || systemctl disable --now app.service\n";

/// The files that mask the timers of apt.
const TIMERS: &str = "/etc/systemd/system/apt-daily.timer /etc/systemd/system/apt-daily-upgrade.timer";
/// The properties of a unit that tell whether it runs and whether it starts at boot.
const STATE: &str = "--property=Id,ActiveState,UnitFileState";

/// Returns the names of the timers of apt.
fn timers() -> String {
    TIMERS.replace("/etc/systemd/system/", "")
}

/// A lab with the two hosts, whose role is given by each test. The hosts have no package source.
static LAB: Shared = Shared::restored(|| {
    let plan = Plan::of_test().without("db-1").with_root("web-2", Recipe::older_host());
    let lab = Lab::boot(&plan).unwrap();
    let operator = lab.operator().unwrap();
    let files = operator.guest().files().unwrap();
    let key = REPOSITORY.lock().unwrap().get_or_insert_with(Repository::new).key();
    files.write("/home/ada/fleet/roles/app.asc", key).unwrap();
    let role = "{ imports = [ { nixfleet = builtins.fromJSON (builtins.readFile ./role.json); } ]; }\n";
    files.write("/home/ada/fleet/roles/web.nix", role).unwrap();
    files.write("/home/ada/fleet/roles/role.json", "{}").unwrap();
    for host in lab.hosts() {
        host.ask("rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*").unwrap();
    }
    lab
});

/// The repository of all tests. Making its key takes a moment.
static REPOSITORY: Mutex<Option<Repository>> = Mutex::new(None);

/// The lab, a repository with the daemon and its library, and the names of the hosts with the role.
struct Stage(Turn<'static>, Vec<&'static str>);

impl Stage {
    /// Gives the role to one of the hosts. The test's name determines which one, so that about half of the
    /// tests use each version of apt. `make soak-hosts` runs each test on both hosts.
    fn set() -> Self {
        let name = thread::current().name().map_or(0, |name| name.bytes().map(usize::from).sum());
        let both = env::var_os(SOAK).is_some();
        Self::set_on(if both { &HOSTS } else { slice::from_ref(&HOSTS[name % HOSTS.len()]) })
    }

    /// Gives the role to these hosts.
    fn set_on(names: &[&'static str]) -> Self {
        let stage = Self(LAB.turn(), names.to_vec());
        let files = stage.0.operator().unwrap().guest().files().unwrap();
        let mut fleet = files.text(FLEET).unwrap();
        for name in HOSTS.iter().filter(|name| !names.contains(name)) {
            let roles = format!("addr = \"{name}\";\n    tags = [ \"web\" ];\n    roles = [ ");
            let with = format!("{roles}\"web\" ");
            assert!(fleet.contains(&with), "{fleet}");
            fleet = fleet.replace(&with, &roles);
        }
        files.write(FLEET, fleet).unwrap();
        stage.publishes(&[app("1.0"), library()]);
        stage
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.1.clone().into_iter()
    }

    /// Returns the outcomes of all hosts with the role, if each has this outcome.
    fn all(&self, outcome: &str) -> BTreeMap<String, String> {
        self.names().map(|host| (host.to_owned(), outcome.to_owned())).collect()
    }

    /// Publishes exactly these packages.
    fn publishes(&self, packages: &[Package]) {
        self.publishes_in("stable", packages);
    }

    /// Publishes exactly these packages, in a suite of this name.
    fn publishes_in(&self, suite: &'static str, packages: &[Package]) {
        let mut guard = REPOSITORY.lock().unwrap();
        let repository = guard.as_mut().unwrap();
        repository.clear();
        repository.suite = suite;
        for package in packages {
            repository.add(package);
        }
        repository.publish(&self.0);
    }

    /// Removes the published files of packages. The lists still name them.
    fn loses_packages(&self) {
        self.0.operator().unwrap().guest().ask(&format!("rm {SERVED}/pool/*")).unwrap();
    }

    fn host(&self, name: &str) -> &Guest {
        self.0.guest(name).unwrap()
    }

    /// Returns the hosts with the role.
    fn hosts(&self) -> Vec<&Guest> {
        self.names().map(|host| self.host(host)).collect()
    }

    /// Replaces the role with these NixFleet options, and with the source of the repository.
    fn declares(&self, options: &Value) {
        self.declares_from("", options);
    }

    /// As [`Self::declares`], with further options of the source.
    fn declares_from(&self, source: &str, options: &Value) {
        let operator = self.0.operator().unwrap();
        let files = operator.guest().files().unwrap();
        let fingerprint = REPOSITORY.lock().unwrap().as_ref().unwrap().fingerprint.clone();
        let role = format!(
            "{{ imports = [ {{ nixfleet = builtins.fromJSON (builtins.readFile ./role.json); }} ];\n\
             nixfleet.apt.sources.app = {{ uris = [ \"http://{}:8000/\" ]; suites = [ \"stable\" ];\n\
             components = [ \"main\" ]; key = ./app.asc; keyFingerprint = \"{fingerprint}\"; {source} }}; }}\n",
            operator.guest().addr()
        );
        files.write("/home/ada/fleet/roles/web.nix", role).unwrap();
        files.write("/home/ada/fleet/roles/role.json", options.to_string()).unwrap();
    }

    fn types(&self, line: &str) -> Finished {
        self.0.operator().unwrap().types(line).unwrap()
    }

    fn types_for_json(&self, line: &str) -> (Finished, Value) {
        self.0.operator().unwrap().types_for_json(line).unwrap()
    }

    /// Applies the role, with this outcome on each host.
    #[track_caller]
    fn applies(&self, outcome: &str) -> Value {
        let (finished, document) = self.types_for_json("nixfleet apply --yes --json --role web");
        assert_eq!(outcomes(&document), self.all(outcome), "{finished}");
        document
    }
}

fn app(version: &'static str) -> Package {
    Package {
        name: "app",
        version,
        control: "Depends: libapp\n",
        files: vec![
            ("/usr/bin/app", 0o755, DAEMON),
            ("/etc/app.conf", 0o644, "of the package\n"),
            ("/usr/lib/systemd/system/app.service", 0o644, UNIT),
            ("/usr/bin/app-check", 0o755, CHECK),
        ],
        postinst: POSTINST,
        prerm: PRERM,
    }
}

fn library() -> Package {
    let files = vec![("/usr/share/libapp/data", 0o644, "data\n")];
    Package { name: "libapp", version: "1.0", files, ..Package::default() }
}

/// The library with a file of numbers, which compresses badly.
fn large_library() -> Package {
    let numbers: Vec<String> =
        (0..40_000_u64).map(|number| format!("{:x}\n", number * 2_654_435_761)).collect();
    Package { files: vec![("/usr/share/libapp/data", 0o644, numbers.concat().leak())], ..library() }
}

/// A role: the package, a file of its user, a check of this file with its program, and its unit.
fn role() -> Value {
    json!({
        "apt": { "packages": { "app": {} } },
        "files": { "/etc/app.conf": {
            "text": "of the fleet\n", "owner": "app", "mode": "0640",
            "validate": ["/usr/bin/app-check", "%s"],
        } },
        "systemd": { "units": { "app.service": { "enabled": true, "running": true } } },
    })
}

/// Returns the configurations with which the daemon has started on a host.
fn starts(host: &Guest) -> String {
    host.sh("cat /var/lib/app/starts").unwrap().stdout
}

fn installed(host: &Guest, package: &str) -> bool {
    let script = format!("dpkg-query --show --showformat='${{db:Status-Status}}' {package} 2>/dev/null");
    host.sh(&script).unwrap().stdout == "installed"
}

#[test]
fn a_new_daemon_first_starts_with_the_configuration_of_the_fleet() {
    let stage = Stage::set_on(&HOSTS);
    stage.declares(&role());
    let plan = stage.types("nixfleet plan --role web");
    for text in [
        "libapp 1.0",
        "Tests",
        "checked after apt: unit app.service does not exist",
        "checked after apt: user `app` is the owner",
        "the units of new packages are known after the download",
    ] {
        assert!(plan.stdout.contains(text), "nothing says `{text}`:\n{plan}");
    }
    for host in stage.hosts() {
        assert!(!installed(host, "app"));
        // The hosts of the lab mask these timers of apt, unlike others.
        host.ask(&format!("rm {TIMERS} && systemctl daemon-reload && systemctl start {}", timers())).unwrap();
    }
    let of_apt = || -> Vec<String> {
        let ask = |host: &Guest| host.ask(&format!("systemctl show {STATE} {}", timers())).unwrap();
        stage.hosts().into_iter().map(ask).collect()
    };
    let before = of_apt();
    assert!(before[0].contains("ActiveState=active\nUnitFileState=enabled"), "{before:?}");

    let (finished, document) = stage.types_for_json("nixfleet apply --yes --json --role web");
    assert_eq!(outcomes(&document), stage.all("ok"), "{finished}");
    for host in HOSTS {
        let line = format!("{host}: new packages bring app.service");
        assert!(finished.stderr.lines().any(|shown| shown.ends_with(&line)), "{finished}");
    }
    assert_eq!(of_apt(), before);

    for host in stage.hosts() {
        assert_eq!(starts(host), "of the fleet\n", "{}", host.name());
        let asks = "systemctl is-enabled app.service; systemctl is-active app.service";
        assert_eq!(host.ask(asks).unwrap(), "enabled\nactive");
        assert_eq!(host.ask("stat -c %U:%a /etc/app.conf").unwrap(), "app:640");
        // The program that came with the package has checked the file in the same apply.
        assert!(host.ask("cat /var/lib/app/checks").unwrap().starts_with("checked"));
        assert_eq!(host.ask("apt-mark showauto app libapp").unwrap(), "libapp");
        assert_eq!(
            host.sh("ls /etc/systemd/system/app.service.d /var/cache/nixfleet-apt").unwrap().stdout,
            ""
        );
        let environment = host.ask("cat /var/lib/app/environment").unwrap();
        for variable in [
            "DEBIAN_FRONTEND=noninteractive",
            "DEBIAN_PRIORITY=critical",
            "NEEDRESTART_MODE=l",
            "NEEDRESTART_SUSPEND=1",
            "APT_LISTCHANGES_FRONTEND=none",
        ] {
            assert!(environment.lines().any(|line| line == variable), "no {variable}:\n{environment}");
        }
    }
    stage.applies("unchanged");
    let status = stage.types("nixfleet status --role web");
    assert!(!status.stdout.contains("package"), "{status}");

    // The program of the package checks the file.
    let mut wrong = role();
    wrong["files"]["/etc/app.conf"]["text"] = "of nobody\n".into();
    stage.declares(&wrong);
    let document = stage.applies("blocked");
    assert!(document["hosts"][0]["problem"].to_string().contains("/usr/bin/app-check"), "{document:#}");
    stage.declares(&role());

    // Somebody removes the package by hand. The next apply installs it again.
    let web = stage.host("web-1");
    web.ask("dpkg --remove app").unwrap();
    let status = stage.types("nixfleet status --host web-1");
    assert!(status.stdout.contains("package app: not installed"), "{status}");
    let (finished, document) = stage.types_for_json("nixfleet apply --yes --json --role web");
    assert_eq!(outcomes(&document), outcomes_of([("web-1", "ok"), ("web-2", "unchanged")]), "{finished}");
    assert_eq!(starts(web), "of the fleet\nof the fleet\n");

    // The end of the declaration removes what apt had installed for it, and nothing else.
    stage.declares(&json!({}));
    stage.applies("ok");
    for host in stage.hosts() {
        assert!(!installed(host, "app") && !installed(host, "libapp"), "{}", host.name());
        assert_ne!(host.sh("systemctl is-active app.service").unwrap().code, 0);
    }
    stage.applies("unchanged");
}

#[test]
fn a_package_that_was_there_before_stays_with_its_marks() {
    let stage = Stage::set();
    for host in stage.hosts() {
        host.ask(&format!("curl -sf http://{}:8000/pool/libapp_1.0_all.deb -o /tmp/l.deb && dpkg -i /tmp/l.deb && apt-mark auto libapp", stage.0.operator().unwrap().guest().addr())).unwrap();
    }
    stage.declares(&json!({ "apt": { "packages": { "libapp": { "hold": true } } } }));
    stage.applies("ok");
    for host in stage.hosts() {
        assert_eq!(host.ask("apt-mark showmanual libapp; apt-mark showhold").unwrap(), "libapp\nlibapp");
    }
    stage.declares(&json!({}));
    stage.applies("ok");
    for host in stage.hosts() {
        assert_eq!(host.ask("apt-mark showauto libapp; apt-mark showhold").unwrap(), "libapp");
        assert!(installed(host, "libapp"));
    }
}
