//! The unit that puts a host right at boot after an interrupted change, and the drop-in that makes every boot
//! start it.
//!
//! Both are in the manifest of each generation, so that they are shown, kept and removed like other files.
//! Their content belongs to the activator of the host, which is never older than what it has to recover: a
//! generation that an older NixFleet made gets the content of this one.

use nixfleet_contract::manifest::{Entry, Manifest};
use nixfleet_contract::values::ManagedPath;

use crate::digest;

/// The files with their content. `backends/ubuntu/recovery.nix` reads the same two.
const FILES: [(&str, &str); 2] = [
    ("/etc/systemd/system/nixfleet-recover.service", include_str!("nixfleet-recover.service")),
    ("/etc/systemd/system/sysinit.target.d/nixfleet-recover.conf", include_str!("nixfleet-recover.conf")),
];

/// Whether a path is one of them.
#[must_use]
pub fn has(path: &str) -> bool {
    FILES.iter().any(|(own, _)| *own == path)
}

/// The content of one of them, where it is the one that a manifest wants.
#[must_use]
pub fn content(path: &ManagedPath, sha256: &str) -> Option<&'static [u8]> {
    let content = FILES.iter().find(|(own, _)| *own == &**path)?.1.as_bytes();
    (digest::of(content) == sha256).then_some(content)
}

/// The contents of all of them.
pub fn contents() -> impl Iterator<Item = &'static [u8]> {
    FILES.iter().map(|(_, content)| content.as_bytes())
}

/// Gives the files of a manifest the content of this activator. A manifest without them stays without them.
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
        // The drop-in has always said the same.
        assert_eq!(changed, [FILES[0].0]);
    }
}
