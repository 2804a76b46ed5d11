//! The supervisor process of a lab. It owns the lab's network and mount namespaces. When the supervisor ends
//! for any reason, the kernel removes the bridge, the network links and the mounts, and kills the hosts.
//! Before the supervisor ends normally, it removes the control group and the files of the lab. If it is
//! killed, [`crate::reaper`] removes them later.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, stdin};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use anyhow::{Context, Result};
use rustix::mount::{MountFlags, mount};

use crate::cgroup::Cgroup;
use crate::command::Program;
use crate::control::Control;
use crate::place::Lock;
use crate::reaper;
use crate::spec::{self, GuestDir, GuestSpec, Spec};

/// The exit code of `systemd-nspawn --keep-unit` if the guest requested a reboot.
const REBOOT: i32 = 133;

/// The available memory, in bytes, from which the disks of guests are in memory. The guests of all labs that
/// run at the same time in `make test` write less than a quarter of this amount.
const AMPLE_MEMORY: u64 = 8 << 30;

/// An order to a supervisor. Orders are written to the `control` pipe of the lab, one per line.
enum Order {
    Start(String),
    Cut(String),
    End,
}

/// Runs the lab in `dir` until an order ends it. If `bound` is set, the lab ends too when standard input is
/// closed. Standard input is closed when the parent process ends.
///
/// # Errors
/// The lab cannot be set up or removed.
pub fn hold(dir: &Path, bound: bool) -> Result<()> {
    let _lock = Lock::wait(&dir.join("lock"))?;
    let spec = Spec::read(dir)?;
    let cgroup = Cgroup::of_lab(&spec.id)?;
    cgroup.create()?;
    let own = cgroup.child("supervisor");
    own.create()?;
    own.join()?;
    prepare_namespaces()?;
    mount_disks(dir)?;

    let (orders, inbox) = mpsc::channel();
    listen(dir, &orders)?;
    if bound {
        end_with_parent(orders);
    }
    let starters: Vec<_> = spec.guests.iter().map(|guest| keep_running(dir, &spec, guest, &cgroup)).collect();
    for order in inbox {
        match order {
            Order::End => break,
            Order::Cut(name) => cgroup.child(&name).kill()?,
            Order::Start(name) => {
                for (_, starter) in starters.iter().filter(|(guest, _)| *guest == name) {
                    starter.send(()).context("The guest's thread ended")?;
                }
            }
        }
    }
    for guest in &spec.guests {
        cgroup.child(&guest.name).kill()?;
    }
    reaper::clear(dir, &spec, true)
}

/// Mounts a private `/run` for the runtime files of nspawn, and creates the lab's network bridge.
fn prepare_namespaces() -> Result<()> {
    mount("tmpfs", "/run", "tmpfs", MountFlags::empty(), None).context("Failed to mount a private /run")?;
    let batch =
        "link set lo up\nlink add lab0 type bridge\naddr add 10.0.1.1/24 dev lab0\nlink set lab0 up\n";
    Program::new("ip").args(["-batch", "-"]).input(batch).run()?.success()?;
    Ok(())
}

/// Mounts a filesystem in memory at the directory of the guests' disks. In memory, the kernel has less work
/// to create and remove files. The disks survive a power cut of a guest and end with the supervisor. On a
/// machine with little memory, nothing is mounted, and the disks are ordinary directories.
fn mount_disks(dir: &Path) -> Result<()> {
    let disks = spec::disks(dir);
    fs::create_dir_all(&disks).with_context(|| format!("Failed to create {}", disks.display()))?;
    if available_memory()? < AMPLE_MEMORY {
        return Ok(());
    }
    mount("tmpfs", &disks, "tmpfs", MountFlags::empty(), Some(c"mode=0700"))
        .with_context(|| format!("Failed to mount {}", disks.display()))
}

/// Returns the memory in bytes that the kernel can give to programs without swapping.
fn available_memory() -> Result<u64> {
    let path = "/proc/meminfo";
    let text = fs::read_to_string(path).with_context(|| format!("Failed to read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kibibytes =
        line.and_then(|line| line.trim().strip_suffix("kB")).and_then(|size| size.trim().parse().ok());
    kibibytes.map(|size: u64| size * 1024).with_context(|| format!("{path} has no line MemAvailable"))
}

fn listen(dir: &Path, orders: &Sender<Order>) -> Result<()> {
    let pipe = Control::new(dir).listen()?;
    let orders = orders.clone();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let order = match line.split_once(' ') {
                Some(("start", name)) => Order::Start(name.to_owned()),
                Some(("cut", name)) => Order::Cut(name.to_owned()),
                _ => Order::End,
            };
            if orders.send(order).is_err() {
                break;
            }
        }
    });
    Ok(())
}

fn end_with_parent(orders: Sender<Order>) {
    thread::spawn(move || {
        stdin().read_to_end(&mut Vec::new()).ok();
        orders.send(Order::End).ok();
    });
}

/// Starts a thread that boots the guest. The thread boots the guest again whenever the guest requests a
/// reboot or a `start` order arrives. The thread lives as long as the guest, because nspawn is killed when
/// the thread that started it ends.
fn keep_running(dir: &Path, spec: &Spec, guest: &GuestSpec, cgroup: &Cgroup) -> (String, Sender<()>) {
    let name = guest.name.clone();
    let (starter, start) = mpsc::channel();
    let boot = Boot {
        machine: format!("{}-{}", spec.id, guest.name),
        guest: guest.clone(),
        dir: GuestDir::new(dir, &guest.name),
        cgroup: cgroup.child(&guest.name),
    };
    thread::spawn(move || {
        if let Err(error) = boot.run(&start) {
            eprintln!("{}: {error:#}", boot.guest.name);
        }
    });
    (name, starter)
}

struct Boot {
    machine: String,
    guest: GuestSpec,
    dir: GuestDir,
    cgroup: Cgroup,
}

impl Boot {
    fn run(&self, start: &Receiver<()>) -> Result<()> {
        self.mount_root()?;
        for number in 1.. {
            let code = self.once(number)?;
            if code != Some(REBOOT) {
                eprintln!("{}: down with exit code {code:?}", self.guest.name);
                if start.recv().is_err() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn mount_root(&self) -> Result<()> {
        for path in [self.dir.work(), self.dir.merged()] {
            fs::create_dir_all(&path).with_context(|| format!("Failed to create {}", path.display()))?;
        }
        Program::new("cp").arg("--archive").arg(self.dir.seed()).arg(self.dir.upper()).run()?.success()?;
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            self.guest.below.iter().map(|layer| escaped(layer)).collect::<Vec<_>>().join(":"),
            escaped(&self.dir.upper()),
            escaped(&self.dir.work())
        );
        let options = std::ffi::CString::new(options).context("A path contains a zero byte")?;
        mount("overlay", self.dir.merged(), "overlay", MountFlags::empty(), options.as_c_str())
            .with_context(|| format!("Failed to mount the root of {}", self.guest.name))
    }

    /// Runs the guest from power-on to power-off, and returns the exit code of nspawn.
    fn once(&self, number: u32) -> Result<Option<i32>> {
        let cgroup = self.cgroup.child(&format!("boot-{number}"));
        cgroup.create()?;
        let pid_file = self.dir.nspawn();
        let mut child = self.nspawn(&cgroup)?.spawn().context("Failed to start systemd-nspawn")?;
        fs::write(&pid_file, child.id().to_string())
            .with_context(|| format!("Failed to write {}", pid_file.display()))?;
        let status = child.wait().context("Failed to wait for systemd-nspawn")?;
        fs::remove_file(&pid_file).with_context(|| format!("Failed to remove {}", pid_file.display()))?;
        cgroup.kill()?;
        cgroup.remove()?;
        self.unplug()?;
        Ok(status.code())
    }

    /// Removes the network link of the guest, if the link still exists. After a power cut, a connection that
    /// the guest could not close would keep the link for minutes, and the guest could not boot meanwhile.
    fn unplug(&self) -> Result<()> {
        Program::new("ip").args(["link", "delete", "dev"]).arg(format!("vb-{}", self.machine)).run()?;
        Ok(())
    }

    fn nspawn(&self, cgroup: &Cgroup) -> Result<Command> {
        let console = File::options().append(true).create(true).open(self.dir.console());
        let console = console.context("Failed to open the console's log")?;
        let error = console.try_clone().context("Failed to open the console's log")?;
        // The shell enters the control group before it executes nspawn, because nspawn creates more groups
        // below its own group.
        let mut command = Command::new("sh");
        command
            .args(["-c", "echo $$ >\"$0\" && exec \"$@\""])
            .arg(cgroup.entrance())
            // When the supervisor ends, the kernel kills `unshare` and its child. That child is the first
            // process of a process namespace, so all processes of the guest are killed too.
            .args([
                "setpriv",
                "--pdeathsig",
                "KILL",
                "unshare",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
            ])
            .arg("systemd-nspawn")
            .args(["--keep-unit", "--register=no", "--console=pipe"])
            .args(["--link-journal=no", "--resolv-conf=off", "--timezone=off", "--network-bridge=lab0"])
            .arg(format!("--machine={}", self.machine))
            .arg(format!("--hostname={}", self.guest.name))
            .arg("--directory")
            .arg(self.dir.merged())
            .args(
                self.guest
                    .shows
                    .iter()
                    .map(|(from, to)| format!("--bind-ro={}:{}", escaped(from), escaped(to))),
            )
            // With `--boot`, nspawn starts systemd. A boot loader has to run first on a NixOS host.
            .arg(if self.guest.nixos { "/usr/sbin/init" } else { "--boot" })
            .env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1")
            .stdin(Stdio::null())
            .stdout(console)
            .stderr(error);
        Ok(command)
    }
}

/// Escapes a path for an option of an overlay mount or of nspawn, in which `:` and `,` are separators.
fn escaped(path: &Path) -> String {
    let path: PathBuf = path.into();
    let mut escaped = String::new();
    for letter in path.to_string_lossy().chars() {
        if matches!(letter, '\\' | ':' | ',') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}
