//! Managed files that the host's own tools, such as sshd and sudo, check before a change.
//!
//! During planning, the closure may not be on the host yet. Therefore, the contents of these files are sent
//! with the manifest, up to a limit.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::manifest::{Entry, FileEntry, Manifest};
use crate::values::ManagedPath;

/// Directories that contain configuration files of sshd, sudo, PAM and systemd. These files are small.
pub const ROOMS: [&str; 5] =
    ["/etc/ssh", "/etc/sudoers.d", "/etc/pam.d", "/etc/security", "/etc/systemd/system"];
/// Files outside of [`ROOMS`] that belong to the configuration of sshd, sudo, PAM or systemd.
pub const FILES: [&str; 1] = ["/etc/sudoers"];
/// Directories with the sources, pins, logins and keys of apt. A plan of packages needs these files too.
pub const APT: [&str; 4] =
    ["/etc/apt/sources.list.d", "/etc/apt/preferences.d", "/etc/apt/auth.conf.d", "/etc/apt/keyrings"];
/// Maximum size of one file whose content is sent to the host for a plan, in bytes.
pub const EACH: u64 = 1024 * 1024;
/// Maximum total size of the file contents that are sent to the host for one plan, in bytes. The unit files
/// and other configuration files of a host are far smaller in total.
pub const ALL: u64 = 16 * 1024 * 1024;
/// Maximum number of file contents that are sent to the host for one plan. The number is limited because the
/// activator's command line lists the length of each content.
pub const COUNT: usize = 4096;

/// Total time limit for the host's own tools when they check a plan. The limit is short because a person
/// waits for the plan. It does not include the `validate` commands, since each of them has its own limit.
pub const TOOLS: Duration = Duration::from_secs(60);
/// Time limit for the `validate` command of one file.
pub const COMMAND: Duration = Duration::from_secs(60);
/// Time allowed for stopping a `validate` command that exceeded its time limit.
const END: Duration = Duration::from_secs(1);

/// Returns the time limit for all checks of a plan by tools and `validate` commands. `commands` is the number
/// of files with a `validate` command.
#[must_use]
pub fn patience(commands: usize) -> Duration {
    (0..commands).fold(TOOLS, |patience, _| patience + COMMAND + END)
}

/// Returns how many files of a manifest have a `validate` command; 0 if the manifest cannot be read.
#[must_use]
pub fn commands(manifest: &[u8]) -> usize {
    #[derive(Deserialize)]
    struct Outline {
        entries: BTreeMap<String, Named>,
    }
    #[derive(Deserialize)]
    struct Named {
        validate: Option<IgnoredAny>,
    }
    let entries = serde_json::from_slice::<Outline>(manifest).map(|outline| outline.entries);
    entries.map_or(0, |entries| entries.values().filter(|entry| entry.validate.is_some()).count())
}

/// Returns the files of a manifest that a tool on the host must check if the files change, and those that a
/// plan of packages needs. `user` is the user who logs in to the host. The file that contains the SSH keys of
/// this user is included.
pub fn files<'m>(manifest: &'m Manifest, user: &'m str) -> impl Iterator<Item = &'m FileEntry> {
    manifest.entries.iter().filter_map(move |(path, entry)| match entry {
        Entry::File(file) => {
            let needs_packages = manifest.apt.is_some() && is_for_apt(path);
            (needs_packages || is_inspected(path, file, user)).then_some(file)
        }
        Entry::Directory(_) | Entry::Link(_) | Entry::Absent(_) => None,
    })
}

/// Returns whether a tool on the host checks this file when the file changes.
#[must_use]
pub fn is_inspected(path: &ManagedPath, file: &FileEntry, user: &str) -> bool {
    file.validate.is_some() || is_for_tools(path, user)
}

/// Returns whether a file may be part of the configuration of sshd, sudo, PAM or systemd, including files
/// that may contain SSH keys. These tools check all their files together.
#[must_use]
pub fn is_for_tools(path: &ManagedPath, user: &str) -> bool {
    let below = |room: &str| path.strip_prefix(room).is_some_and(|rest| rest.starts_with('/'));
    FILES.contains(&&**path)
        || ROOMS.into_iter().any(below)
        || may_hold_keys(path, user)
        || path.contains("/.ssh/")
}

/// Returns whether a path is directly in one of the directories of [`APT`].
#[must_use]
pub fn is_for_apt(path: &ManagedPath) -> bool {
    path.parent().is_some_and(|above| APT.contains(&&*above))
}

/// Returns whether a file may contain authorized SSH keys, judging by the name of the file.
#[must_use]
pub fn may_hold_keys(path: &ManagedPath, user: &str) -> bool {
    path.name() == user || path.name().contains("authorized_keys")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Source;

    #[test]
    fn tools_look_at_their_own_files_at_those_with_a_command_and_at_keys() {
        let sha256 = "0".repeat(64);
        let file: FileEntry = serde_json::from_value(serde_json::json!({
            "source": Source::of_text(&sha256), "sha256": sha256, "size": 0,
            "mode": "0644", "owner": "root", "group": "root",
        }))
        .unwrap();
        let inspected = |path: &str| is_inspected(&path.parse().unwrap(), &file, "ada");
        for path in [
            "/etc/sudoers",
            "/etc/sudoers.d/web",
            "/etc/ssh/sshd_config.d/10-a.conf",
            "/etc/systemd/system/a.service.d/b.conf",
            "/var/keys/ada",
            "/root/.ssh/config",
        ] {
            assert!(inspected(path), "{path}");
        }
        for path in ["/etc/motd", "/etc/sudoers.bak", "/srv/systemd/system/a.service"] {
            assert!(!inspected(path), "{path}");
        }
        let validated = FileEntry { validate: Some(vec!["true".into(), "%s".into()]), ..file };
        assert!(is_inspected(&"/etc/motd".parse().unwrap(), &validated, "ada"));
    }
}
