//! A booted lab: a set of hosts in a network namespace of their own.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::binaries::Binaries;
use crate::command::{PATIENCE, Program, wait_until};
use crate::control::Control;
use crate::debs;
use crate::guest::Guest;
use crate::nixos_layer;
use crate::operator::Operator;
use crate::place::{self, Lock};
pub use crate::plan::Plan;
use crate::reaper;
use crate::rootfs::remove_tree;
use crate::seed::Seed;
use crate::shared_layer;
use crate::spec::{GuestDir, GuestSpec, Spec};

/// The time limit for booting a guest. On two busy cores, the slowest of sixteen guests took eleven seconds.
pub const BOOT_LIMIT: Duration = Duration::from_secs(120);

/// The name of the operator's machine.
pub const OPERATOR: &str = "operator";

/// A running lab.
#[derive(Debug)]
pub struct Lab {
    dir: PathBuf,
    guests: Vec<Guest>,
    /// The supervisor process of the lab, or nothing if the lab does not end with this process.
    supervisor: Option<Child>,
}

impl Lab {
    /// Boots a lab that ends when the returned value is dropped, or when this process ends.
    ///
    /// # Errors
    /// A lab of this name is already running, the root filesystem cannot be made, or a host does not boot.
    pub fn boot(plan: &Plan) -> Result<Self> {
        let alone = reaper::exclusively()?;
        let mut lab = Self::prepare(plan, &alone)?;
        lab.supervisor = Some(lab.start(true)?);
        drop(alone);
        lab.wait_for_all()?;
        Ok(lab)
    }

    /// Boots a lab that runs until [`Lab::end`], even if this process ends.
    ///
    /// # Errors
    /// A lab of this name is already running, the root filesystem cannot be made, or a host does not boot.
    pub fn boot_detached(plan: &Plan) -> Result<Self> {
        let alone = reaper::exclusively()?;
        let lab = Self::prepare(plan, &alone)?;
        lab.start(false)?;
        drop(alone);
        lab.wait_for_all()?;
        Ok(lab)
    }

    /// Returns the running lab of this name.
    ///
    /// # Errors
    /// No lab of this name is running.
    pub fn find(name: &str) -> Result<Self> {
        let running = reaper::reap(&reaper::exclusively()?)?;
        let Some(lab) = running.into_iter().find(|lab| lab.name == name) else {
            bail!("No lab called `{name}` is up. `make demo` starts the lab called `demo`");
        };
        let dir = place::of_lab(name);
        let guests = guests_of(&dir, &lab.spec);
        Ok(Self { dir, guests, supervisor: None })
    }

    /// Ends the lab of this name, if it is running.
    ///
    /// # Errors
    /// The lab is not removed in time.
    pub fn end(name: &str) -> Result<()> {
        let dir = place::of_lab(name);
        // The order fails if no supervisor reads the pipe. Then the lab is not running, so the error is
        // ignored.
        Control::new(&dir).order("end").ok();
        wait_until(&format!("the lab {name} is gone"), Duration::from_secs(30), || {
            reaper::reap(&reaper::exclusively()?)?;
            Ok(!dir.exists())
        })
    }

    /// Returns the guest of this name.
    ///
    /// # Errors
    /// The lab has no such guest.
    pub fn guest(&self, name: &str) -> Result<&Guest> {
        let found = self.guests.iter().find(|guest| guest.name() == name);
        found.with_context(|| {
            let names: Vec<_> = self.guests.iter().map(Guest::name).collect();
            format!("The lab has no host called `{name}`; it has {}", names.join(", "))
        })
    }

    /// Returns the operator, who types commands on the operator's machine.
    ///
    /// # Errors
    /// The lab has no operator's machine.
    pub fn operator(&self) -> Result<Operator<'_>> {
        Ok(Operator::new(self.guest(OPERATOR)?))
    }

    /// Returns every guest except the operator's machine.
    pub fn hosts(&self) -> impl Iterator<Item = &Guest> {
        self.guests.iter().filter(|guest| guest.name() != OPERATOR)
    }

    fn prepare(plan: &Plan, alone: &Lock) -> Result<Self> {
        let dir = place::of_lab(&plan.name);
        let running = reaper::reap(alone)?;
        if running.iter().any(|lab| lab.name == plan.name) {
            bail!("A lab called `{}` is up already", plan.name);
        }
        remove_tree(&dir)?;
        let operator_root = plan.operator.make()?.path().to_path_buf();
        let programs = if plan.shipped { Binaries::build_shipped() } else { Binaries::build() }?;
        let shared = shared_layer::above(&operator_root, &programs, &running, alone)?;
        let mut guests = vec![GuestSpec {
            name: OPERATOR.into(),
            addr: "10.0.1.2".into(),
            below: vec![shared, operator_root],
            nixos: false,
            bare: false,
            shows: plan.operator_shows.clone(),
        }];
        for host in &plan.hosts {
            let root = host.root.make()?.path().to_path_buf();
            let nixos = if host.nixos { Some(nixos_layer::above(&root, &running, alone)?) } else { None };
            let debs = host.offered.as_ref().map(|offered| debs::of(&root, offered.suite, &offered.packages));
            let debs = debs.transpose()?;
            let below = nixos.into_iter().chain([root]).collect();
            let shows = debs.into_iter().map(|debs| (debs, "/srv/debs".into())).collect();
            let (name, addr, nixos) = (host.name.clone(), host.addr.clone(), host.nixos);
            guests.push(GuestSpec { name, addr, below, nixos, bare: host.bare, shows });
        }
        let spec = Spec { name: plan.name.clone(), id: fresh_id()?, guests };
        fs::create_dir_all(&dir).with_context(|| format!("Failed to create {}", dir.display()))?;
        // The directory contains the private keys of the guests.
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700))
            .context("Failed to close the lab's directory")?;
        Seed::new(&dir, &spec)?.sow()?;
        Control::new(&dir).create()?;
        spec.write(&dir)?;
        let guests = guests_of(&dir, &spec);
        Ok(Self { dir, guests, supervisor: None })
    }

    fn start(&self, bound: bool) -> Result<Child> {
        raise_inotify_limit()?;
        let log =
            File::create(self.dir.join("supervisor.log")).context("Failed to create the supervisor's log")?;
        let error = log.try_clone().context("Failed to open the supervisor's log")?;
        let mut command = Program::new("setsid")
            .args(["unshare", "--net", "--mount"])
            .arg(own_program()?)
            .arg("hold")
            .args(bound.then_some("--bound"))
            .arg(&self.dir)
            .into_command();
        command.stdin(if bound { Stdio::piped() } else { Stdio::null() }).stdout(log).stderr(error);
        let mut supervisor = command.spawn().context("Failed to start the lab's supervisor")?;
        let lock = self.dir.join("lock");
        wait_until("the lab's supervisor holds it", Duration::from_secs(20), || {
            if let Some(status) = supervisor.try_wait()? {
                bail!("The lab's supervisor ended with {status}: {}", self.log());
            }
            Ok(Lock::take(&lock)?.is_none())
        })?;
        Ok(supervisor)
    }

    fn wait_for_all(&self) -> Result<()> {
        for guest in &self.guests {
            let up = guest.wait_until_up(BOOT_LIMIT);
            up.with_context(|| format!("The lab's supervisor says: {}", self.log()))?;
        }
        Ok(())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.join("supervisor.log")).unwrap_or_default()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let Some(mut supervisor) = self.supervisor.take() else { return };
        drop(supervisor.stdin.take());
        let deadline = Instant::now() + Duration::from_secs(20) * PATIENCE;
        while supervisor.try_wait().is_ok_and(|status| status.is_none()) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        supervisor.kill().ok();
        supervisor.wait().ok();
        let cleared = reaper::exclusively().and_then(|alone| reaper::reap(&alone));
        if let Err(error) = cleared {
            eprintln!("lab: {error:#}");
        }
    }
}

fn guests_of(dir: &Path, spec: &Spec) -> Vec<Guest> {
    let guest = |guest: &GuestSpec| {
        Guest::new(&guest.name, &guest.addr, GuestDir::new(dir, &guest.name), Control::new(dir))
    };
    spec.guests.iter().map(guest).collect()
}

/// Raises the limit of inotify instances. The kernel's default of 128 suffices for about 10 hosts. With more
/// hosts, logins hang.
fn raise_inotify_limit() -> Result<()> {
    let path = "/proc/sys/fs/inotify/max_user_instances";
    let limit = fs::read_to_string(path).with_context(|| format!("Failed to read {path}"))?;
    if limit.trim().parse::<u32>().is_ok_and(|limit| limit < 8192) {
        fs::write(path, "8192").with_context(|| format!("Failed to write {path}; the lab needs root"))?;
    }
    Ok(())
}

fn fresh_id() -> Result<String> {
    let uuid = fs::read_to_string("/proc/sys/kernel/random/uuid").context("Failed to read a random id")?;
    Ok(uuid.chars().take(8).collect())
}

/// Returns the path of the program `nixfleet-lab`. It is in the directory of this process's own program or,
/// if this process runs a test program, in the directory above.
fn own_program() -> Result<PathBuf> {
    let here = env::current_exe().context("Failed to find this program's own path")?;
    let beside = |dir: &Path| dir.join("nixfleet-lab");
    let places = here.ancestors().skip(1).take(2).map(beside);
    places.into_iter().find(|path| path.exists()).with_context(|| {
        format!(
            "Failed to find the program nixfleet-lab near {}; `cargo build -p nixfleet-lab` makes it",
            here.display()
        )
    })
}
