//! The unit that recovers a host at boot after an interrupted change, and the drop-in that starts this unit
//! at every boot.
//!
//! The unit and the drop-in are in the manifest of each generation, so that they are shown, installed and
//! removed like other files. Their content always comes from the activator that is installed on the host,
//! because that activator is never older than the activator that made the interrupted change. So a generation
//! that an older NixFleet made gets the content of the installed activator.

use nixfleet_contract::manifest::{Entry, Manifest};
use nixfleet_contract::values::ManagedPath;

use crate::digest;

/// The name of the unit.
pub const NAME: &str = "nixfleet-recover.service";

/// The paths and contents of the two files. `backends/ubuntu/recovery.nix` reads the same two files.
const FILES: [(&str, &str); 2] = [
    ("/etc/systemd/system/nixfleet-recover.service", include_str!("nixfleet-recover.service")),
    ("/etc/systemd/system/sysinit.target.d/nixfleet-recover.conf", include_str!("nixfleet-recover.conf")),
];

/// Whether a path belongs to one of the two recovery files.
#[must_use]
pub fn has(path: &str) -> bool {
    FILES.iter().any(|(own, _)| *own == path)
}

/// Returns the paths of the two recovery files.
pub fn paths() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(path, _)| *path)
}

/// Returns the content of the recovery file at `path`. Returns `None` if no recovery file belongs at `path`,
/// or if the digest of the content is not `sha256`.
#[must_use]
pub fn content(path: &ManagedPath, sha256: &str) -> Option<&'static [u8]> {
    let content = FILES.iter().find(|(own, _)| *own == &**path)?.1.as_bytes();
    (digest::of(content) == sha256).then_some(content)
}

/// Returns the contents of the two recovery files.
pub fn contents() -> impl Iterator<Item = &'static [u8]> {
    FILES.iter().map(|(_, content)| content.as_bytes())
}

/// Sets the digests and sizes of the two recovery files in a manifest to those of this activator. A manifest
/// without these files is left as it is.
pub fn take_over(manifest: &mut Manifest) {
    for (path, content) in FILES {
        let Ok(path) = path.parse::<ManagedPath>() else { continue };
        if let Some(Entry::File(file)) = manifest.entries.get_mut(&path) {
            file.sha256 = digest::of(content.as_bytes());
            file.size = content.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_of_an_older_nixfleet_gets_the_unit_of_this_one() {
        let text = include_str!("../../../tests/fixtures/schema-1/manifest.json");
        let mut manifest = Manifest::parse(text.as_bytes()).unwrap();
        let old = manifest.clone();
        take_over(&mut manifest);
        let changed: Vec<&str> = manifest
            .entries
            .iter()
            .filter(|(path, entry)| old.entries.get(*path) != Some(entry))
            .map(|(path, entry)| {
                let Entry::File(file) = entry else { panic!("{path} is no file") };
                assert!(content(path, &file.sha256).is_some());
                &**path
            })
            .collect();
        // Only the unit changed, because the old manifest already has the current content of the drop-in.
        assert_eq!(changed, [FILES[0].0]);
    }
}
