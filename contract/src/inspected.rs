//! Which files of a generation the host's own tools look at before anything of it changes.
//!
//! While a change is planned its closure may not be on the host yet. So the contents of these files are sent along with the
//! manifest, as far as they are not too long.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::manifest::{Entry, FileEntry, Manifest};
use crate::values::ManagedPath;

/// The directories that sshd, sudo, PAM and systemd read. They are small.
pub const ROOMS: [&str; 5] =
    ["/etc/ssh", "/etc/sudoers.d", "/etc/pam.d", "/etc/security", "/etc/systemd/system"];
/// The files that they read.
pub const FILES: [&str; 1] = ["/etc/sudoers"];
/// The longest content that is sent along, in bytes.
pub const EACH: u64 = 1024 * 1024;
/// How much is sent along together, in bytes: far more than all units and rules of a host.
pub const ALL: u64 = 16 * 1024 * 1024;
/// How many contents are sent along: their lengths are words of a command line.
pub const COUNT: usize = 4096;

/// How long all tools together may take for a plan, but for the commands that files name: somebody waits for it.
pub const TOOLS: Duration = Duration::from_secs(60);
/// How long the command of a file may take.
pub const COMMAND: Duration = Duration::from_secs(60);
/// How long it may take to end one that has taken too long.
const END: Duration = Duration::from_secs(1);

/// How long a plan may take to be validated. `commands`: how many files name one.
#[must_use]
pub fn patience(commands: usize) -> Duration {
    (0..commands).fold(TOOLS, |patience, _| patience + COMMAND + END)
}

/// How many files of a manifest name a command; none where it cannot be read.
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

/// The files of a manifest that some tool looks at, if they change. `user`: who logs in to the host, whose keys count.
pub fn files<'m>(manifest: &'m Manifest, user: &'m str) -> impl Iterator<Item = &'m FileEntry> {
    manifest.entries.iter().filter_map(move |(path, entry)| match entry {
        Entry::File(file) => is_inspected(path, file, user).then_some(file),
        Entry::Directory(_) | Entry::Link(_) => None,
    })
}

/// Whether some tool looks at a file, if it changes.
#[must_use]
pub fn is_inspected(path: &ManagedPath, file: &FileEntry, user: &str) -> bool {
    file.validate.is_some() || is_for_tools(path, user)
}

/// Whether a file is meant for one of the tools that look at all of theirs together.
#[must_use]
pub fn is_for_tools(path: &ManagedPath, user: &str) -> bool {
    let below = |room: &str| path.strip_prefix(room).is_some_and(|rest| rest.starts_with('/'));
    FILES.contains(&&**path)
        || ROOMS.into_iter().any(below)
        || may_hold_keys(path, user)
        || path.contains("/.ssh/")
}

/// Whether a file looks like one with the keys that open an account.
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
