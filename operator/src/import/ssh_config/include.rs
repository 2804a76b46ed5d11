//! Finds the files that an `Include` line of an SSH configuration names.

use std::path::{Component, Path, PathBuf};

use super::pattern;
use crate::import::files;

/// Returns the files that match a path with patterns, such as `conf.d/*.conf`, sorted by name. As in `ssh`, a
/// directory that cannot be read counts as empty.
pub fn find(path: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for component in path.components() {
        let Component::Normal(name) = component else {
            for path in &mut found {
                path.push(component);
            }
            continue;
        };
        let name = name.to_string_lossy();
        if pattern::is_name(&name) {
            for path in &mut found {
                path.push(&*name);
            }
            continue;
        }
        let below = |directory: &PathBuf| {
            let here = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
            let entries = files::entries(here).unwrap_or_default().into_iter();
            let names = entries.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
            names
                .filter(|entry| pattern::matches(&name, entry))
                .map(|entry| directory.join(entry))
                .collect::<Vec<_>>()
        };
        found = found.iter().flat_map(below).collect();
    }
    found.retain(|path| path.is_file());
    found
}
