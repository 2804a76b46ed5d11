//! The space that a transaction of apt needs, compared with the space that is free.
//!
//! Package sources state the size of a package and of its installed files, but not the paths of the files. So
//! the needs are estimates: all files of a package count for `/usr`, and those of a kernel for `/boot` too. A
//! plan is refused only if an estimate is larger than the free space.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use nixfleet_contract::apt::plan::{AptPhase, Offer, PackageChange, PackageOperation};
use nixfleet_contract::apt::space::SpaceNeed;
use nixfleet_contract::problem::{Code, Problem};
use rustix::fs::{Stat, StatVfs};

use crate::host::apt::cache;
use crate::host::apt::sizes::InstalledSizes;

/// The mean size of a file of a package, in bytes, and the smallest number of its files. Most packages have
/// fewer and larger files, so the estimate is seldom too low.
const FILE: u64 = 16 << 10;
const FILES: u64 = 12;
/// The space that the records of a package need in the database of dpkg, in bytes, and their number.
const RECORDS: (u64, u64) = (32 << 10, 5);
/// The space that a kernel and its initial RAM disk need in `/boot`, if there is no other kernel to compare
/// with, in bytes.
const KERNEL: u64 = 96 << 20;

/// The directories in which a transaction needs space.
const PLACES: [&str; 4] = ["/usr", cache::CACHE, "/var/lib/dpkg", "/boot"];

/// Bytes and a number of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Extent {
    bytes: u64,
    files: u64,
}

impl Extent {
    fn add(&mut self, bytes: u64, files: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.files = self.files.saturating_add(files);
    }
}

/// Returns the space that the packages of a plan need on each filesystem of this machine.
///
/// # Errors
/// Fails with [`Code::Packages`] if dpkg does not answer.
pub fn needs(packages: &[PackageChange]) -> Result<Vec<SpaceNeed>, Problem> {
    if !packages.iter().any(|package| package.change.to().is_some()) {
        return Ok(Vec::new());
    }
    let sizes = InstalledSizes::read()?;
    let extents = extents(packages, &sizes, cache::is_there, kernel());
    let found = extents.into_iter().filter_map(|(path, extent)| Some((filesystem(Path::new(path))?, extent)));
    Ok(joined(found))
}

/// Returns a problem for each filesystem that does not have enough space.
pub fn objections(needs: &[SpaceNeed]) -> impl Iterator<Item = Problem> {
    needs.iter().filter(|need| !need.has_bytes() || !need.has_files()).map(|need| {
        let (what, numbers) = if need.has_bytes() {
            let free = need.free_files.unwrap_or_default();
            ("inodes", format!("the packages need {} inodes, and {free} are free", need.files))
        } else {
            let (bytes, free) = (mebibytes(need.bytes), need.free_bytes >> 20);
            ("space", format!("the packages need {bytes} MiB, and {free} MiB are free"))
        };
        Problem::new(Code::DiskFull, format!("apt needs more {what} than {} has", need.path))
            .at(&need.path)
            .because(format!("{numbers}; nothing was changed"))
            .help("free space on the host (`apt-get clean` removes downloaded packages), or declare fewer packages")
    })
}

const fn mebibytes(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

/// Returns the extent of the transaction before the change of the host, by directory. `kernel`: the space
/// that a kernel needs in `/boot`.
fn extents(
    packages: &[PackageChange],
    sizes: &InstalledSizes,
    is_cached: impl Fn(&PackageChange, &Offer) -> bool,
    kernel: u64,
) -> BTreeMap<&'static str, Extent> {
    let [usr, cache, dpkg, boot] = PLACES;
    let mut extents: BTreeMap<_, Extent> = PLACES.map(|place| (place, Extent::default())).into();
    let mut add = |place, bytes, files| extents.entry(place).or_default().add(bytes, files);
    // dpkg unpacks the new files of a package before it removes the old ones.
    let (mut largest, mut most) = (0, 0);
    for package in packages.iter().filter(|package| package.phase == AptPhase::Before) {
        let Some(offer) = package.change.to() else { continue };
        if !is_cached(package, offer) {
            add(cache, offer.size, 1);
        }
        add(dpkg, RECORDS.0, RECORDS.1);
        let (new, files) = (offer.installed_size, FILES.max(offer.installed_size / FILE));
        match &package.change {
            PackageOperation::Install { .. } => {
                add(usr, new, files);
                if is_kernel(&package.name) {
                    add(boot, kernel, 4);
                }
            }
            PackageOperation::Upgrade { .. }
            | PackageOperation::Downgrade { .. }
            | PackageOperation::Reinstall { .. } => {
                let old = sizes.of(&package.name, &package.architecture).unwrap_or(new);
                add(usr, new.saturating_sub(old), 0);
                (largest, most) = (largest.max(new.min(old)), most.max(files));
            }
            PackageOperation::Remove { .. } | PackageOperation::Purge { .. } => {}
        }
    }
    add(usr, largest, most);
    extents
}

/// Whether a package is an image of a kernel, such as `linux-image-6.1.0-18-amd64`.
fn is_kernel(name: &str) -> bool {
    let version =
        name.strip_prefix("linux-image-").map(|rest| rest.strip_prefix("unsigned-").unwrap_or(rest));
    version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
}

/// Returns the space that another kernel needs in `/boot`: as much as the largest present kernel, and its
/// initial RAM disk once more, because a new initial RAM disk is written beside the old one.
fn kernel() -> u64 {
    let mut largest = BTreeMap::from([("vmlinuz-", 0), ("initrd.img-", 0), ("System.map-", 0)]);
    for entry in fs::read_dir("/boot").into_iter().flatten().flatten() {
        let (name, size) = (entry.file_name(), entry.metadata().map_or(0, |found| found.len()));
        let name = name.to_string_lossy();
        if let Some((_, known)) = largest.iter_mut().find(|(start, _)| name.starts_with(**start)) {
            *known = size.max(*known);
        }
    }
    let all: u64 = largest.values().sum();
    if all == 0 { KERNEL } else { all + largest["initrd.img-"] }
}

/// A filesystem: its mount point, the number of its device, and its free space.
#[derive(Clone, Debug)]
struct Filesystem {
    device: u64,
    mount: PathBuf,
    free: Extent,
    /// Whether the filesystem has a fixed number of files.
    counts_files: bool,
}

/// Returns the filesystem of a path, or of the nearest directory above it that exists.
fn filesystem(path: &Path) -> Option<Filesystem> {
    let stat = |path: &Path| -> Option<Stat> { rustix::fs::stat(path).ok() };
    let (path, found) = path.ancestors().find_map(|path| Some((path, stat(path)?)))?;
    let is_same = |path: &&Path| stat(path).is_some_and(|other| other.st_dev == found.st_dev);
    let mount = path.ancestors().take_while(is_same).last()?.to_owned();
    let space: StatVfs = rustix::fs::statvfs(path).ok()?;
    let free = Extent { bytes: space.f_bavail.saturating_mul(space.f_frsize), files: space.f_favail };
    Some(Filesystem { device: found.st_dev, mount, free, counts_files: space.f_files > 0 })
}

/// Adds up the extents on the same filesystem.
fn joined(extents: impl Iterator<Item = (Filesystem, Extent)>) -> Vec<SpaceNeed> {
    let mut needs: BTreeMap<u64, (Filesystem, Extent)> = BTreeMap::new();
    for (filesystem, extent) in extents.filter(|(_, extent)| *extent != Extent::default()) {
        let (_, sum) = needs.entry(filesystem.device).or_insert_with(|| (filesystem, Extent::default()));
        sum.add(extent.bytes, extent.files);
    }
    let need = |(filesystem, extent): (Filesystem, Extent)| SpaceNeed {
        path: filesystem.mount.display().to_string(),
        bytes: extent.bytes,
        free_bytes: filesystem.free.bytes,
        files: extent.files,
        free_files: filesystem.counts_files.then_some(filesystem.free.files),
    };
    let mut needs: Vec<_> = needs.into_values().map(need).collect();
    needs.sort_by(|a, b| a.path.cmp(&b.path));
    needs
}

#[cfg(test)]
#[path = "space_tests.rs"]
mod tests;
