//! Boots one guest of a lab with `systemd-nspawn`. The supervisor of the lab does this for each guest.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::Receiver;

use anyhow::{Context, Result};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::cgroup::Cgroup;
use crate::command::Program;
use crate::rootfs::remove_tree;
use crate::spec::{GuestDir, GuestSpec, Spec};

/// The exit code of `systemd-nspawn --keep-unit` if the guest requested a reboot.
const REBOOT: i32 = 133;

/// The disk from which a guest boots.
#[derive(Clone, Copy, Debug)]
pub enum Start {
    /// The disk as the guest left it.
    AsItIs,
    /// The saved copy of the disk.
    AsSaved,
}

/// One guest, and what is needed to boot it repeatedly.
#[derive(Debug)]
pub struct Boot {
    machine: String,
    guest: GuestSpec,
    dir: GuestDir,
    cgroup: Cgroup,
}

impl Boot {
    /// Prepares to boot a guest of the lab whose directory is `dir`.
    #[must_use]
    pub fn new(dir: &Path, spec: &Spec, guest: &GuestSpec, cgroup: Cgroup) -> Self {
        Self {
            machine: format!("{}-{}", spec.id, guest.name),
            guest: guest.clone(),
            dir: GuestDir::new(dir, &guest.name),
            cgroup,
        }
    }

    /// Returns the name of the guest.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.guest.name
    }

    /// Boots the guest. Boots it again each time it requests a reboot, and each time `start` receives a value
    /// while the guest is down. Returns when the guest is down and the sender of `start` is gone.
    ///
    /// # Errors
    /// The disk cannot be mounted, or a program cannot be started.
    pub fn run(&self, start: &Receiver<Start>) -> Result<()> {
        self.mount_root(&self.dir.seed())?;
        for number in 1.. {
            let code = self.once(number)?;
            if code != Some(REBOOT) {
                eprintln!("{}: down with exit code {code:?}", self.guest.name);
                match start.recv() {
                    Ok(Start::AsItIs) => {}
                    Ok(Start::AsSaved) => self.restore()?,
                    Err(_) => break,
                }
            }
        }
        Ok(())
    }

    /// Replaces the disk with its saved copy.
    fn restore(&self) -> Result<()> {
        let merged = self.dir.merged();
        // The mount is detached, because a test may still have files of the guest open.
        unmount(&merged, UnmountFlags::DETACH)
            .with_context(|| format!("Failed to unmount {}", merged.display()))?;
        remove_tree(&self.dir.upper())?;
        remove_tree(&self.dir.work())?;
        self.mount_root(&self.dir.saved_upper())
    }

    /// Mounts the root of the guest. The guest's own writable layer becomes a copy of the directory
    /// `content`.
    fn mount_root(&self, content: &Path) -> Result<()> {
        for path in [self.dir.work(), self.dir.merged()] {
            fs::create_dir_all(&path).with_context(|| format!("Failed to create {}", path.display()))?;
        }
        Program::new("cp").arg("--archive").arg(content).arg(self.dir.upper()).run()?.success()?;
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

    /// Removes the guest's network link if the link still exists. After a power cut, a connection that the
    /// guest could not close would keep the link for minutes, and the guest could not boot during this time.
    fn unplug(&self) -> Result<()> {
        Program::new("ip").args(["link", "delete", "dev"]).arg(format!("vb-{}", self.machine)).run()?;
        Ok(())
    }

    fn nspawn(&self, cgroup: &Cgroup) -> Result<Command> {
        let console = File::options().append(true).create(true).open(self.dir.console());
        let console = console.context("Failed to open the console's log")?;
        let error = console.try_clone().context("Failed to open the console's log")?;
        // The shell enters the guest's control group and then executes nspawn. So nspawn runs in this control
        // group, and creates its own control groups below it.
        let mut command = Command::new("sh");
        command
            .args(["-c", "echo $$ >\"$0\" && exec \"$@\""])
            .arg(cgroup.entrance())
            // When the supervisor ends, the kernel kills `unshare` and its child. The child is the first
            // process of a PID namespace, so the kernel also kills all other processes of the guest.
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
            // With `--boot`, nspawn starts systemd. On a NixOS host, a stand-in for a boot loader must run
            // before systemd.
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
