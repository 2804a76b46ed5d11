//! Reads NixOS systems in the Nix store. A system is a directory whose entries are links to its parts.

pub mod units;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use nixfleet_contract::nixos::{BOOT_PARTS, INHIBITORS, INIT};

/// The program that activates a system, as a path relative to the directory of the system.
pub const SWITCH: &str = "bin/switch-to-configuration";

/// The maximum size of a file that is read from a system, in bytes.
const LIMIT: u64 = 1024 * 1024;

/// Whether a directory is a NixOS system.
#[must_use]
pub fn is_system(path: &Path) -> bool {
    path.join("nixos-version").is_file() && path.join(SWITCH).exists()
}

/// Returns the parts of a system that take effect only when the host boots, each with the store path to which
/// its link points, or with the text of its file. A part that the system does not have is left out.
///
/// # Errors
/// A part cannot be read.
pub fn boot_parts(system: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut parts = BTreeMap::new();
    for name in BOOT_PARTS {
        let path = system.join(name);
        let value = match fs::symlink_metadata(&path) {
            Ok(found) if found.is_symlink() => fs::read_link(&path)?.to_string_lossy().into_owned(),
            Ok(_) => text(&path)?.trim_end().to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        parts.insert(name.to_owned(), value);
    }
    Ok(parts)
}

/// Returns the values of a system that must be equal in the running system, because otherwise the host can
/// switch between the two systems only by a restart: its switch inhibitors, and the version of the interface
/// of its `init`. A file that the system does not have counts as empty.
///
/// # Errors
/// A file cannot be read, or the file of the inhibitors is not a JSON object of strings.
pub fn inhibitors(system: &Path) -> io::Result<BTreeMap<String, String>> {
    let read = |name: &str| match text(&system.join(name)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    let mut inhibitors: BTreeMap<String, String> = match read(INHIBITORS)? {
        Some(text) => serde_json::from_str(&text).map_err(io::Error::from)?,
        None => BTreeMap::new(),
    };
    inhibitors.extend(read(INIT)?.map(|version| (INIT.to_owned(), version)));
    Ok(inhibitors)
}

/// Returns the text of `etc/fstab` of a system; `None` if the system has no such file.
///
/// # Errors
/// The file cannot be read, is larger than 1 MiB, or is not text.
pub fn fstab(system: &Path) -> io::Result<Option<String>> {
    match text(&system.join("etc/fstab")) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads a small file of a system.
///
/// # Errors
/// The file cannot be read, is larger than 1 MiB, or is not text.
pub fn text(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > LIMIT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("{} is too large", path.display())));
    }
    fs::read_to_string(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_parts_of_a_system_are_its_links_and_its_command_line() {
        let system = tempfile::tempdir().unwrap();
        let at = |name: &str| system.path().join(name);
        assert!(boot_parts(system.path()).unwrap().is_empty());
        assert!(inhibitors(system.path()).unwrap().is_empty());
        assert_eq!(fstab(system.path()).unwrap(), None);
        fs::create_dir(at("etc")).unwrap();
        fs::write(at("etc/fstab"), "/dev/sda1 / ext4\n").unwrap();
        assert_eq!(fstab(system.path()).unwrap().as_deref(), Some("/dev/sda1 / ext4\n"));
        symlink("/nix/store/k-linux/bzImage", at("kernel")).unwrap();
        fs::write(at("kernel-params"), "loglevel=4 quiet\n").unwrap();
        fs::write(at(INHIBITORS), r#"{"dbus":"/nix/store/d"}"#).unwrap();
        let parts: Vec<_> = boot_parts(system.path()).unwrap().into_iter().collect();
        let expected = [("kernel", "/nix/store/k-linux/bzImage"), ("kernel-params", "loglevel=4 quiet")];
        assert_eq!(parts, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(inhibitors(system.path()).unwrap()["dbus"], "/nix/store/d");
        fs::write(at(INIT), "systemd 2").unwrap();
        let found: Vec<_> = inhibitors(system.path()).unwrap().into_iter().collect();
        let expected = [("dbus", "/nix/store/d"), (INIT, "systemd 2")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        fs::write(at(INHIBITORS), "[]").unwrap();
        assert!(inhibitors(system.path()).is_err());
        assert!(!is_system(system.path()));
    }
}
