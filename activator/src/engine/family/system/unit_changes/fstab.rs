//! The mounts and swap devices of an `fstab`, and the units that a changed `fstab` affects. systemd generates
//! these units, so a system has no files of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Lists;

/// The mount points that an activation never unmounts.
const KEPT: [&str; 2] = ["/", "/nix"];

/// The content of an `fstab`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fstab<'t> {
    /// The mounts by mount point.
    mounts: BTreeMap<&'t str, Mount<'t>>,
    /// The options of the swap devices by device.
    swaps: BTreeMap<&'t str, &'t str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mount<'t> {
    device: &'t str,
    kind: &'t str,
    options: &'t str,
}

impl<'t> Fstab<'t> {
    /// Parses the text of an `fstab`. Ignores comments and incomplete lines.
    pub(super) fn parse(text: &'t str) -> Self {
        let mut fstab = Self::default();
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let mut words = line.split_whitespace();
            let (Some(device), Some(point), Some(kind)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            let options = words.next().unwrap_or_default();
            if kind == "swap" {
                fstab.swaps.insert(device, options);
            } else {
                fstab.mounts.insert(point, Mount { device, kind, options });
            }
        }
        fstab
    }
}

impl Lists {
    /// Puts the units of mounts and swap devices into the lists to which they belong. `old` is the `fstab` of
    /// the host. An activation starts a mount that it should reload or restart, but that is not active.
    pub(super) fn mounts(&mut self, old: &Fstab, new: &Fstab, states: &BTreeMap<String, String>) {
        for (point, before) in &old.mounts {
            let unit = unit(point, "mount");
            let is_active = states.contains_key(&unit);
            let Some(after) = new.mounts.get(point) else {
                if is_active {
                    self.stop.insert(unit);
                }
                continue;
            };
            if after == before {
                continue;
            }
            let is_same = (after.device, after.kind) == (before.device, before.kind);
            let is_replaced = !is_same && !KEPT.contains(point);
            let list = if !is_replaced && after.options == before.options {
                &mut self.skip
            } else if !is_active {
                &mut self.start
            } else if is_replaced {
                &mut self.restart
            } else {
                &mut self.reload
            };
            list.insert(unit);
        }
        for (point, mount) in new.mounts.iter().filter(|(point, _)| !old.mounts.contains_key(*point)) {
            let kind = if has(mount.options, "x-systemd.automount") { "automount" } else { "mount" };
            self.started(unit(point, kind), mount.options, states);
        }
        let is_file = |device: &&&str| device.starts_with('/');
        for device in old.swaps.keys().filter(|device| !new.swaps.contains_key(*device)).filter(is_file) {
            let unit = unit(device, "swap");
            if states.contains_key(&unit) {
                self.stop.insert(unit);
            }
        }
        for device in new.swaps.keys().filter(|device| !old.swaps.contains_key(*device)).filter(is_file) {
            self.started(unit(device, "swap"), new.swaps[device], states);
        }
    }

    /// Adds a unit of a new entry, which `local-fs.target` or `swap.target` pulls in, to the units to start.
    fn started(&mut self, unit: String, options: &str, states: &BTreeMap<String, String>) {
        if !has(options, "noauto") && !states.contains_key(&unit) {
            self.start.insert(unit);
        }
    }
}

fn has(options: &str, option: &str) -> bool {
    options.split(',').any(|each| each == option)
}

/// Returns the name of the unit of a path, as `systemd-escape --path --suffix` does. In an `fstab`, `\040` is
/// a space.
fn unit(path: &str, suffix: &str) -> String {
    let path = path.replace("\\040", " ");
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let mut name = String::new();
    for (index, byte) in parts.join("/").bytes().enumerate() {
        match byte {
            b'/' => name.push('-'),
            b'.' if index > 0 => name.push('.'),
            byte if byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_') => name.push(byte.into()),
            byte => _ = write!(name, "\\x{byte:02x}"),
        }
    }
    if name.is_empty() {
        name.push('-');
    }
    format!("{name}.{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_have_the_names_that_systemd_gives_them() {
        let rows = [
            ("/", "-.mount"),
            ("/srv/data/", "srv-data.mount"),
            ("/srv//my-data", r"srv-my\x2ddata.mount"),
            ("/.snapshots/a.b", r"\x2esnapshots-a.b.mount"),
            (r"/srv/a\040b", r"srv-a\x20b.mount"),
            ("/srv/ä", r"srv-\xc3\xa4.mount"),
        ];
        for (path, expected) in rows {
            assert_eq!(unit(path, "mount"), expected);
        }
    }

    #[test]
    fn comments_and_incomplete_lines_of_an_fstab_are_ignored() {
        let text = "# /dev/a /a ext4\n\n/dev/b /b\n/dev/c /c ext4\n/dev/d\tnone  swap pri=1 0 0\n";
        let fstab = Fstab::parse(text);
        let mount = Mount { device: "/dev/c", kind: "ext4", options: "" };
        assert_eq!(fstab.mounts, BTreeMap::from([("/c", mount)]));
        assert_eq!(fstab.swaps, BTreeMap::from([("/dev/d", "pri=1")]));
    }
}
