//! The files of units on a host.

use std::fs;

use nixfleet_contract::manifest::UNITS;
use nixfleet_contract::values::UnitName;

use crate::engine::observe::MASK;
use crate::host::Host;
use crate::host::record::read_limited;

/// The directories of unit files, in the order of precedence, see systemd.unit(5).
const DIRECTORIES: [&str; 5] = [
    UNITS,
    "/run/systemd/system/",
    "/usr/local/lib/systemd/system/",
    "/usr/lib/systemd/system/",
    "/lib/systemd/system/",
];

/// The file of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum UnitFile {
    /// No file has the name of the unit. An init script of the same name may exist.
    Missing {
        /// Whether there is an init script, from which systemd makes the unit.
        has_script: bool,
    },
    /// The name is a link to another unit.
    Alias(UnitName),
    /// A file.
    Text {
        /// The path of the file.
        path: String,
        /// The content of the file.
        text: String,
    },
}

impl UnitFile {
    /// Finds the file of a unit, or of the template of an instance. A mask does not count: it hides the file,
    /// but the file still says how the unit is enabled.
    pub(super) fn find(host: &Host, unit: &UnitName) -> Self {
        let template = unit.template();
        let names = std::iter::once(unit).chain(&template);
        let found = names.flat_map(|name| DIRECTORIES.iter().map(move |directory| (directory, name)));
        let mut found = found.filter_map(|(directory, name)| Self::at(host, directory, name));
        found.next().unwrap_or_else(|| {
            let script = format!("/etc/init.d/{}", unit.trim_end_matches(".service"));
            Self::Missing { has_script: host.path(&script).exists() }
        })
    }

    fn at(host: &Host, directory: &str, unit: &UnitName) -> Option<Self> {
        let path = format!("{directory}{unit}");
        if let Ok(target) = fs::read_link(host.path(&path)) {
            if target.to_string_lossy() == MASK {
                return None;
            }
            let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if name != **unit {
                return name.parse().ok().map(Self::Alias);
            }
        }
        let bytes = read_limited(&host.path(&path)).ok()??;
        Some(Self::Text { path, text: String::from_utf8_lossy(&bytes).into_owned() })
    }
}
