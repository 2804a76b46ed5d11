//! The host of the crash tests. A test changes it from an old to a new generation with a fault, and then
//! resets it, again and again.

use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use nixfleet_lab::binaries::Binaries;
use nixfleet_lab::checkout;
use nixfleet_lab::command::{Finished, Program};
use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::{Lab, Plan};

use super::survey::{ACCOUNT_FILES, STATE, Survey};
use crate::stage::shared::{Shared, Turn};

/// The path of an activator that can be made to fail at any of the changes that it makes.
const FAULTY: &str = "/var/tmp/faulty";
/// The file in which the activator at [`FAULTY`] records the changes that it makes, one per line.
const LOG: &str = "/var/tmp/log";
/// The directory with a copy of the old generation's files, from which the host is reset.
pub const SAVED: &str = "/var/tmp/old";
/// A script with edits that an administrator or the distribution could make before the tested change. The
/// edits concern the content and the permissions of files, an extended attribute and a directory.
const BEFORE: &str = r#"
  [ ! -e /etc/walk/edited.conf ] || echo "by hand" > /etc/walk/edited.conf
  chmod 0604 /etc/motd
  python3 -c 'import os; os.setxattr("/etc/motd", "user.note", b"stood here")'
  mkdir --parents /etc/unwanted/deep
  echo "stood here" > /etc/unwanted/deep/file
"#;
const SAVE: &str = r#"mkdir "$0" && cp --archive --parents /etc /srv /var/lib/nixfleet /nix/var/nix/profiles /nix/var/nix/gcroots "$0""#;
/// A script that restores each given path from the copy in [`SAVED`]. If the copy does not have the path, the
/// script removes the path from the host.
const SET_BACK: &str = r#"
  rm --recursive --force -- "$@"
  cd "$0"
  for path; do
    shift
    if [ -e ".$path" ] || [ -h ".$path" ]; then
      set -- "$@" ".$path"
    fi
  done
  [ $# = 0 ] || cp --archive --parents -- "$@" /
  find /var/lib/nixfleet -mindepth 1 -type d -empty -delete
"#;
const SET_UNITS_BACK: &str = "
  systemctl stop created.service created.timer job.service 2>/dev/null || true
  systemctl daemon-reload
  systemctl reset-failed
  systemctl restart changed.service reloaded.service door.socket removed.service";

/// The number of the next run. Each run gets a unique name from its number.
static RUNS: AtomicU64 = AtomicU64::new(1);

/// A lab with the host web-1. The host is in the old generation, and its store has the closure of the new
/// generation.
static PREPARED: Shared = Shared::restored(|| {
    let lab = Lab::boot(&Plan::of_test().only("web-1")).unwrap();
    let field = Field::prepare(&lab, &["web-1"], [&role("old"), &role("new")]).remove(0);
    *KNOWN.lock().unwrap() =
        Some(Known { closure: field.closure, old: field.old, new: field.new, since: field.since });
    lab
});
/// The facts about the host of [`PREPARED`] that were collected when the host was prepared.
static KNOWN: Mutex<Option<Known>> = Mutex::new(None);

/// The facts about a prepared host: the new closure, the surveys of both generations, and
/// [`Field::since`].
#[derive(Clone)]
struct Known {
    closure: String,
    old: Survey,
    new: Survey,
    since: i64,
}

/// Waits until no other test uses the prepared host, and returns the lab with this host.
pub fn prepared() -> Turn<'static> {
    PREPARED.turn()
}

/// The generation in which a host is after a tested change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Old,
    New,
}

/// One host on which changes are tried, and its state in the old and in the new generation.
pub struct Field<'l> {
    pub guest: &'l Guest,
    /// The closure of the new generation.
    pub closure: String,
    pub old: Survey,
    pub new: Survey,
    /// The time after which modified files count as new, in whole seconds since 1970-01-01.
    since: i64,
}

impl<'l> Field<'l> {
    /// Applies the first role to hosts of a lab, copies their files, and surveys their state. Then applies
    /// the second role, surveys the state again, and resets the hosts to the state with the first role. Each
    /// role is the text of a module.
    pub fn prepare(lab: &'l Lab, names: &[&str], roles: [&str; 2]) -> Vec<Self> {
        let faulty = fs::read(Binaries::build_faulty().unwrap()).unwrap();
        apply(lab, names, roles[0]);
        let guests = names.iter().map(|name| lab.guest(name).unwrap());
        let before: Vec<(&Guest, i64, Survey)> = guests
            .map(|guest| {
                let install = format!("cat > {FAULTY} && chmod +x {FAULTY}");
                guest.program("sh").unwrap().args(["-c", &install]).input(faulty.clone()).run().unwrap();
                guest.ask(BEFORE).unwrap();
                guest.program("sh").unwrap().args(["-c", SAVE, SAVED]).run().unwrap().success().unwrap();
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed() + 1;
                // Waits for the next whole second. A file that is written after this wait is recognized,
                // because its modification time is `since` or later.
                while SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed() < since {
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
                (guest, since, Survey::take(guest, since))
            })
            .collect();
        apply(lab, names, roles[1]);
        let fields = before.into_iter().map(|(guest, since, old)| {
            let new = Survey::take(guest, since);
            let closure = guest.ask("readlink --canonicalize /nix/var/nix/profiles/nixfleet/system").unwrap();
            let mut field = Self { guest, closure, old, new, since };
            field.set_back();
            field
        });
        fields.collect()
    }

    /// Returns the prepared host in the lab that [`prepared`] returned.
    pub fn of(lab: &'l Lab) -> Self {
        let Known { closure, old, new, since } = KNOWN.lock().unwrap().clone().unwrap();
        let mut field = Self { guest: lab.guest("web-1").unwrap(), closure, old, new, since };
        let now = field.survey();
        assert_eq!(now.differences(&field.old), [] as [&str; 0], "the host is not prepared");
        field.old.runs = now.runs;
        field
    }

    pub fn survey(&self) -> Survey {
        Survey::take(self.guest, self.since)
    }

    /// Runs the change with an injected fault, and confirms the change in advance. If the fault kills the
    /// run, the host is not recovered.
    pub fn fails(&self, fault: &str) -> Finished {
        self.runs(&[format!("NIXFLEET_FAULT={fault}")], 60, true)
    }

    /// Kills the run before the change number `at`. Fails if the run ends normally although it made at least
    /// `at` changes. A run may make fewer, because the number of queries to systemd depends on how busy the
    /// machine is.
    pub fn dies(&self, at: usize) -> Result<(), String> {
        let environment = [format!("NIXFLEET_FAULT=kill {at}"), format!("NIXFLEET_FAULT_LOG={LOG}")];
        let killed = self.runs(&environment, 60, true);
        let made = self.guest.ask(&format!("cat {LOG} && rm {LOG}")).unwrap().lines().count();
        if killed.code == 137 || (killed.ok() && made < at) {
            Ok(())
        } else {
            Err(format!("it lives, {killed}"))
        }
    }

    /// Runs the change to its end, and returns the changes that the activator makes, one per line. Then
    /// resets the host.
    pub fn changes(&mut self) -> Vec<String> {
        self.runs(&[format!("NIXFLEET_FAULT_LOG={LOG}")], 60, true).success().unwrap();
        assert_eq!(self.survey().differences(&self.new), [] as [&str; 0], "by hand as over SSH");
        self.set_back();
        self.guest.ask(&format!("cat {LOG} && rm {LOG}")).unwrap().lines().map(str::to_owned).collect()
    }

    /// Runs the change directly instead of in a systemd unit. The change must be confirmed within `window`
    /// seconds. If `confirmed` is true, it is confirmed in advance.
    pub fn runs(&self, environment: &[String], window: u64, confirmed: bool) -> Finished {
        let run = format!("{:032x}", RUNS.fetch_add(1, Ordering::Relaxed));
        let confirm = if confirmed {
            format!("echo '{{\"schema\":1}}' > /run/nixfleet/{run}.confirmed")
        } else {
            String::new()
        };
        self.guest.ask(&format!("mkdir -p /run/nixfleet\n{confirm}")).unwrap();
        let window = window.to_string();
        let change =
            ["apply", "--closure", &self.closure, "--in-unit", "--run", &run, "--confirm-timeout", &window];
        self.guest.program("env").unwrap().args(environment).arg(FAULTY).args(change).run().unwrap()
    }

    /// Returns a program that runs the activator of the new closure, which has no injected faults.
    pub fn activator(&self) -> Program {
        self.guest.program(&format!("{}/activate", self.closure)).unwrap()
    }

    /// Resets the host to the old generation, without using NixFleet.
    pub fn set_back(&mut self) {
        self.set_back_from(self.survey());
    }

    /// Resets the host to the old generation. `now` is the state that the host has at the moment. To verify
    /// the test itself, this asserts that the host is then in exactly the old state.
    pub fn set_back_from(&mut self, now: Survey) {
        let differing = now.differing(&self.old);
        if differing.is_empty() {
            self.old.runs = now.runs;
            return;
        }
        let mut paths: Vec<&str> =
            differing.iter().filter(|name| name.starts_with('/')).map(String::as_str).collect();
        let concern = |files: &[&str]| {
            differing.iter().any(|name| files.iter().any(|file| name.starts_with(&format!("{file} "))))
        };
        if concern(&["passwd", "group", "shadow", "gshadow"]) {
            paths.extend(ACCOUNT_FILES);
        }
        if concern(&["state"]) {
            paths.push(STATE);
        }
        if !paths.is_empty() {
            let script = self.guest.program("sh").unwrap().args(["-ec", SET_BACK, SAVED]);
            script.args(paths).run().unwrap().success().unwrap();
        }
        if differing.iter().any(|name| name.starts_with("unit")) {
            self.guest.ask(SET_UNITS_BACK).unwrap();
        }
        let now = self.survey();
        assert_eq!(now.differences(&self.old), [] as [&str; 0], "the host cannot be set back");
        self.old.runs = now.runs;
    }

    /// Returns the generation that the host matches exactly, and the state of the host. If the host matches
    /// neither generation, fails with a description of the differences.
    pub fn judge(&self) -> Result<(End, Survey), String> {
        let now = self.survey();
        let old = now.without_shut_accounts(&self.old).differences(&self.old);
        let new = now.differences(&self.new);
        match (old.is_empty(), new.is_empty()) {
            (true, _) => Ok((End::Old, now)),
            (_, true) => Ok((End::New, now)),
            _ => Err(format!("neither old {old:#?} nor new, but for {} things {:?}", new.len(), new.first())),
        }
    }
}

/// Applies a role to the hosts, from the operator's machine.
fn apply(lab: &Lab, names: &[&str], role: &str) {
    let operator = lab.operator().unwrap();
    operator.guest().files().unwrap().write("/home/ada/fleet/roles/web.nix", role).unwrap();
    let hosts = names.join(" --host ");
    operator.types(&format!("nixfleet apply --yes --host {hosts}")).unwrap().success().unwrap();
}

/// Returns the text of a role of the crash tests.
pub fn role(name: &str) -> String {
    fs::read_to_string(checkout::path(&format!("checks/fixtures/crash/{name}.nix"))).unwrap()
}
