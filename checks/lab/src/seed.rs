//! The files that are placed in the layer of each guest before its first boot, such as its name, address and
//! keys.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command::Program;
use crate::lab::OPERATOR;
use crate::operator;
use crate::recipe::{ADMIN, DEPLOY_UID};
use crate::spec::{GuestDir, GuestSpec, Spec};

/// Places the files of a lab's guests before their first boot.
#[derive(Debug)]
pub struct Seed<'a> {
    dir: &'a Path,
    spec: &'a Spec,
    key: PathBuf,
}

impl<'a> Seed<'a> {
    /// Prepares the lab in `dir`, and creates the operator's key pair.
    ///
    /// # Errors
    /// The key cannot be created.
    pub fn new(dir: &'a Path, spec: &'a Spec) -> Result<Self> {
        let key = dir.join("id_ed25519");
        make_key(&key, "operator")?;
        Ok(Self { dir, spec, key })
    }

    /// Places the files of all guests.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn sow(&self) -> Result<()> {
        let public = read(&self.key.with_extension("pub"))?;
        let mut known_hosts = String::new();
        for guest in &self.spec.guests {
            let layer = self.layer(guest)?;
            self.network(&layer, guest)?;
            let host_key = self.host_key(&layer, guest)?;
            writeln!(known_hosts, "{},{} {host_key}", guest.name, guest.addr)?;
            if guest.name != OPERATOR {
                // The first user of each root filesystem has the same id.
                let user = if guest.bare { ADMIN } else { "deploy" };
                layer.place(&format!("home/{user}/.ssh/authorized_keys"), &public, 0o600, DEPLOY_UID)?;
            }
        }
        for guest in self.spec.guests.iter().filter(|guest| guest.name == OPERATOR) {
            operator::sow(&self.layer(guest)?, &read(&self.key)?, &known_hosts)?;
        }
        Ok(())
    }

    /// Creates the layer of a guest.
    fn layer(&self, guest: &GuestSpec) -> Result<Layer> {
        Layer::create(GuestDir::new(self.dir, &guest.name).seed(), guest.below.clone())
    }

    fn network(&self, layer: &Layer, guest: &GuestSpec) -> Result<()> {
        let mut hosts = "127.0.0.1 localhost\n".to_owned();
        for other in &self.spec.guests {
            writeln!(hosts, "{} {}", other.addr, other.name)?;
        }
        let network =
            format!("[Match]\nName=host0\n\n[Network]\nAddress={}/24\nLinkLocalAddressing=no\n", guest.addr);
        layer.place("etc/hosts", hosts.as_bytes(), 0o644, 0)?;
        layer.place("etc/hostname", format!("{}\n", guest.name).as_bytes(), 0o644, 0)?;
        layer.place("etc/systemd/network/10-lab.network", network.as_bytes(), 0o644, 0)?;
        let id = fs::read_to_string("/proc/sys/kernel/random/uuid").context("Failed to read a random id")?;
        layer.place("etc/machine-id", id.replace('-', "").as_bytes(), 0o444, 0)
    }

    fn host_key(&self, layer: &Layer, guest: &GuestSpec) -> Result<String> {
        let key = self.dir.join("guests").join(&guest.name).join("host_key");
        make_key(&key, &guest.name)?;
        let public = read(&key.with_extension("pub"))?;
        layer.place("etc/ssh/ssh_host_ed25519_key", &read(&key)?, 0o600, 0)?;
        layer.place("etc/ssh/ssh_host_ed25519_key.pub", &public, 0o644, 0)?;
        let public = String::from_utf8_lossy(&public).into_owned();
        Ok(public.split(' ').take(2).collect::<Vec<_>>().join(" ").trim_end().to_owned())
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("Failed to read {}", path.display()))
}

fn make_key(path: &Path, comment: &str) -> Result<()> {
    let quiet = ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"];
    Program::new("ssh-keygen").args(quiet).arg(path).run()?.success()?;
    Ok(())
}

/// A layer of an overlay that is not mounted yet.
#[derive(Debug)]
pub struct Layer {
    upper: PathBuf,
    /// The layers below this layer. The first is the topmost of them.
    below: Vec<PathBuf>,
}

impl Layer {
    /// Creates the layer at `upper`, on top of the layers `below`, of which the first is the topmost.
    ///
    /// # Errors
    /// The directory cannot be created.
    pub fn create(upper: PathBuf, below: Vec<PathBuf>) -> Result<Self> {
        fs::create_dir_all(&upper).with_context(|| format!("Failed to create {}", upper.display()))?;
        Ok(Self { upper, below })
    }

    /// Returns the location of `path`, which has no leading slash, in this layer. The parent directories are
    /// created if they are missing.
    ///
    /// # Errors
    /// A parent directory cannot be created.
    pub fn path(&self, path: &str, owner: u32) -> Result<PathBuf> {
        let mut below = PathBuf::new();
        for part in Path::new(path).parent().into_iter().flat_map(Path::components) {
            below.push(part);
            self.directory(&below, owner)?;
        }
        Ok(self.upper.join(path))
    }

    /// Creates a file. Parent directories that the layers below do not have get the same owner as the file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn place(&self, path: &str, bytes: &[u8], mode: u32, owner: u32) -> Result<()> {
        let path = self.path(path, owner)?;
        let placed = fs::write(&path, bytes)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(mode)))
            .and_then(|()| chown(&path, Some(owner), Some(owner)));
        placed.with_context(|| format!("Failed to place {}", path.display()))
    }

    /// Creates a symbolic link.
    ///
    /// # Errors
    /// The link cannot be created.
    pub fn link(&self, path: &str, target: &str) -> Result<()> {
        let path = self.path(path, 0)?;
        symlink(target, &path).with_context(|| format!("Failed to link {}", path.display()))
    }

    /// Returns the location of `path` in the topmost layer below that has it, or nothing if no layer has it.
    #[must_use]
    pub fn below(&self, path: &Path) -> Option<PathBuf> {
        self.below.iter().map(|layer| layer.join(path)).find(|path| path.exists())
    }

    /// Reads a text file of the layers below.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn text_below(&self, path: &str) -> Result<String> {
        let path = self.below(Path::new(path)).with_context(|| format!("The layers have no {path}"))?;
        fs::read_to_string(&path).with_context(|| format!("Failed to read {}", path.display()))
    }

    /// Creates a directory in this layer. If a layer below has the same directory, its mode and owner are
    /// copied to the new directory, because the overlay shows the mode and owner of the directory in the
    /// upper layer.
    fn directory(&self, path: &Path, owner: u32) -> Result<()> {
        let upper = self.upper.join(path);
        if upper.exists() {
            return Ok(());
        }
        let lower = self.below(path).and_then(|lower| fs::metadata(lower).ok());
        let (mode, owner, group) =
            lower.map_or((0o755, owner, owner), |lower| (lower.mode(), lower.uid(), lower.gid()));
        let created = fs::create_dir(&upper)
            .and_then(|()| fs::set_permissions(&upper, fs::Permissions::from_mode(mode)))
            .and_then(|()| chown(&upper, Some(owner), Some(group)));
        created.with_context(|| format!("Failed to create {}", upper.display()))
    }
}
