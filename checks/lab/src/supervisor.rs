//! The supervisor process of a lab. It owns the lab's network and mount namespaces. When the supervisor ends
//! for any reason, the kernel removes the bridge, the network links and the mounts, and kills the hosts.
//! Before the supervisor ends normally, it removes the control group and the files of the lab. If it is
//! killed, [`crate::reaper`] removes them later.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, stdin};
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::thread;

use anyhow::{Context, Result};
use rustix::mount::{MountFlags, mount};

use crate::boot::{Boot, Start};
use crate::cgroup::Cgroup;
use crate::command::Program;
use crate::control::Control;
use crate::place::Lock;
use crate::reaper;
use crate::spec::{self, GuestDir, GuestSpec, Spec};

/// The available memory, in bytes, from which the disks of guests are in memory. The guests of all labs that
/// run at the same time in `make test` write less than a quarter of this amount.
const AMPLE_MEMORY: u64 = 8 << 30;

/// An order to a supervisor. Orders are written to the `control` pipe of the lab, one per line.
enum Order {
    Start(String, Start),
    Cut(String),
    Save(String),
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
            Order::Save(name) => save(dir, &name, &cgroup.child(&name))?,
            Order::Start(name, start) => {
                for (_, starter) in starters.iter().filter(|(guest, _)| *guest == name) {
                    starter.send(start).context("The guest's thread ended")?;
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
                Some(("start", name)) => Order::Start(name.to_owned(), Start::AsItIs),
                Some(("restore", name)) => Order::Start(name.to_owned(), Start::AsSaved),
                Some(("cut", name)) => Order::Cut(name.to_owned()),
                Some(("save", name)) => Order::Save(name.to_owned()),
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
fn keep_running(dir: &Path, spec: &Spec, guest: &GuestSpec, cgroup: &Cgroup) -> (String, Sender<Start>) {
    let name = guest.name.clone();
    let (starter, start) = mpsc::channel();
    let boot = Boot::new(dir, spec, guest, cgroup.child(&guest.name));
    thread::spawn(move || {
        if let Err(error) = boot.run(&start) {
            eprintln!("{}: {error:#}", boot.name());
        }
    });
    (name, starter)
}

/// Copies the disk of a guest, which pauses meanwhile. The disk is then as after a power cut.
fn save(dir: &Path, name: &str, cgroup: &Cgroup) -> Result<()> {
    let guest = GuestDir::new(dir, name);
    cgroup.pause(true)?;
    let copied = Program::new("cp").arg("--archive").arg(guest.upper()).arg(guest.saved_upper()).run();
    cgroup.pause(false)?;
    copied?.success()?;
    fs::write(guest.saved(), "").with_context(|| format!("Failed to write {}", guest.saved().display()))
}
