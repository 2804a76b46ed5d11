//! A view of package sources for apt: the sources, pins, keys and logins of the host with those of a
//! manifest, and the lists of their packages. The files of the host are not changed.
//!
//! A new source is part of the change of the host, which follows the installation of packages. So apt has to
//! know the source before its files are on the host.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use nixfleet_contract::inspected::is_for_apt;
use nixfleet_contract::manifest::{Entry, Manifest};
use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::ManagedPath;
use rustix::fs::CWD;

use crate::engine::plan::target::Target;
use crate::engine::state::{Origin, State};
use crate::host::apt::transaction;
use crate::host::disk::{self, Opening, Writer};
use crate::host::{Host, host_file};

/// The directory of views. apt downloads as another user, who has to reach the keys.
pub const DIRECTORY: &str = "/var/cache/nixfleet-apt";
/// The directory of the keys of package sources.
const KEYS: &str = "/etc/apt/keyrings/";
/// The directories in which a view has files of the manifest, each with the option of apt that names it.
const PARTS: [(&str, &str); 3] = [
    ("/etc/apt/sources.list.d/", "Dir::Etc::sourceparts"),
    ("/etc/apt/preferences.d/", "Dir::Etc::preferencesparts"),
    ("/etc/apt/auth.conf.d/", "Dir::Etc::netrcparts"),
];
/// The directory of the lists of the host.
const LISTS: &str = "/var/lib/apt/lists";

/// A view. Its directory is removed with this value.
#[derive(Debug)]
pub struct AptView {
    directory: PathBuf,
    /// The options of apt that select the view, each as `NAME=VALUE`.
    pub options: Vec<String>,
}

impl AptView {
    /// Makes a view for a target, and fetches the lists of its sources. `state`: the recorded state. The view
    /// has no source, pin or login whose management ends with the target.
    ///
    /// # Errors
    /// [`nixfleet_contract::problem::Code::HostFile`] or [`nixfleet_contract::problem::Code::DiskFull`], or
    /// [`nixfleet_contract::problem::Code::Packages`] if a source cannot be read.
    pub fn of(host: &Host, target: &Target, state: &State) -> Result<Self, Problem> {
        forget_ended(&host.path(DIRECTORY));
        let directory = host.path(DIRECTORY).join(std::process::id().to_string());
        let mut view = Self { directory, options: Vec::new() };
        // A view may be left of a process that had the same number before the host was restarted.
        if view.directory.exists() {
            disk::remove_tree(&view.directory)
                .map_err(|error| host_file("remove an old view in", &view.directory, &error))?;
        }
        let made = view.make(host, target, state);
        made.map_err(|error| host_file("make a view of package sources in", &view.directory, &error))?;
        transaction::update(&view.options, &|| false)?;
        Ok(view)
    }

    fn make(&mut self, host: &Host, target: &Target, state: &State) -> io::Result<()> {
        disk::make_directories(&self.directory.join("lists/partial"), 0o755)?;
        disk::make_directories(&self.directory.join("keys"), 0o755)?;
        for (path, entry) in below(&target.manifest, KEYS) {
            if let Entry::File(file) = entry {
                let key = fs::read(target.place(path, file).ok_or(io::ErrorKind::NotFound)?)?;
                write(&self.directory.join("keys").join(path.name()), &key)?;
            }
        }
        for (place, option) in PARTS {
            let name = option.rsplit(':').next().unwrap_or(option);
            let parts = self.directory.join(name);
            disk::make_directories(&parts, 0o755)?;
            self.parts(target, (place, &parts))?;
            link_others(host, &target.manifest, state, (place, &parts))?;
            self.options.push(format!("{option}={}", parts.display()));
        }
        // The lists that have not changed are not fetched again.
        for list in fs::read_dir(host.path(LISTS)).into_iter().flatten().flatten() {
            if list.file_type()?.is_file() && list.file_name() != "lock" {
                disk::symlink(&list.path(), CWD, self.directory.join("lists").join(list.file_name()))?;
            }
        }
        self.options.push(format!("Dir::State::lists={}", self.directory.join("lists").display()));
        // apt makes its index in memory.
        self.options.extend(["Dir::Cache::pkgcache=", "Dir::Cache::srcpkgcache="].map(str::to_owned));
        Ok(())
    }

    /// Fills a directory of the view with the entries of the manifest.
    fn parts(&self, target: &Target, (place, parts): (&str, &Path)) -> io::Result<()> {
        for (path, entry) in below(&target.manifest, place) {
            match entry {
                Entry::File(file) => {
                    let text = fs::read_to_string(target.place(path, file).ok_or(io::ErrorKind::NotFound)?)?;
                    write(&parts.join(path.name()), self.with_keys(target, text).as_bytes())?;
                }
                Entry::Link(link) => {
                    disk::symlink(Path::new(&link.target), CWD, parts.join(path.name()))?;
                }
                Entry::Directory(_) | Entry::Absent(_) => {}
            }
        }
        Ok(())
    }

    /// Replaces the paths of the keys of the manifest by their paths in the view.
    fn with_keys(&self, target: &Target, text: String) -> String {
        let keys = self.directory.join("keys");
        below(&target.manifest, KEYS)
            .fold(text, |text, (path, _)| text.replace(&**path, &keys.join(path.name()).to_string_lossy()))
    }
}

/// Adds the files of the host that the manifest does not replace. The change removes files whose management
/// ends, so the view has their originals instead, if there are any.
fn link_others(
    host: &Host,
    manifest: &Manifest,
    state: &State,
    (place, parts): (&str, &Path),
) -> io::Result<()> {
    for file in fs::read_dir(host.path(place)).into_iter().flatten().flatten() {
        let name = file.file_name();
        let path = format!("{place}{}", name.to_string_lossy());
        if manifest.entries.contains_key(path.as_str()) {
            continue;
        }
        let source = match state.paths.get(path.as_str()).map(|owned| &owned.origin) {
            None => file.path(),
            Some(Origin::Original { backup }) => host.path(backup),
            Some(Origin::Created | Origin::Moved { .. } | Origin::Existed { .. }) => continue,
        };
        disk::symlink(&source, CWD, parts.join(name))?;
    }
    Ok(())
}

impl Drop for AptView {
    fn drop(&mut self) {
        // A directory that is left is removed with the next view.
        let _ = disk::remove_tree(&self.directory);
        let _ = self.directory.parent().map(|directory| disk::remove_directory(CWD, directory));
    }
}

/// Returns the digests of the contents that a view needs and that are not on this machine.
#[must_use]
pub fn lacking(target: &Target) -> Vec<String> {
    let entries = target.manifest.entries.iter().filter(|(path, _)| is_for_apt(path));
    let files = entries.filter_map(|(path, entry)| match entry {
        Entry::File(file) => target.place(path, file).is_none().then(|| file.sha256.clone()),
        Entry::Link(_) | Entry::Directory(_) | Entry::Absent(_) => None,
    });
    files.collect()
}

/// Returns the entries of a manifest directly in a directory.
fn below<'m>(
    manifest: &'m Manifest,
    directory: &'m str,
) -> impl Iterator<Item = (&'m ManagedPath, &'m Entry)> {
    manifest
        .entries
        .iter()
        .filter(move |(path, _)| path.strip_prefix(directory).is_some_and(|name| !name.contains('/')))
}

/// Removes views of processes that have ended.
pub(crate) fn forget_ended(directory: &Path) {
    for view in fs::read_dir(directory).into_iter().flatten().flatten() {
        // The files of an update are in the same directory, and they stay.
        let is_view = view.file_name().to_str().is_some_and(|name| name.parse::<u32>().is_ok());
        if is_view && !Path::new("/proc").join(view.file_name()).exists() {
            // A view that cannot be removed does no harm.
            let _ = disk::remove_tree(&view.path());
        }
    }
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let file: File = disk::open(CWD, path, Opening::New)?;
    Writer(&file).write_all(content)?;
    Ok(disk::change_mode(&file, 0o644)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;
    use crate::engine::state::{Owned, Thing};

    #[test]
    fn a_view_has_no_source_that_the_change_removes() {
        let directory = TempDir::new().unwrap();
        let host = Host::open(directory.path()).unwrap();
        let (place, parts) = ("/etc/apt/sources.list.d/", directory.path().join("parts"));
        fs::create_dir_all(host.path(place)).unwrap();
        fs::create_dir_all(&parts).unwrap();
        for name in ["dead", "declared", "foreign", "replaced"] {
            fs::write(host.path(place).join(format!("{name}.sources")), "now").unwrap();
        }
        fs::create_dir_all(host.path("/var/lib/nixfleet/originals")).unwrap();
        fs::write(host.path("/var/lib/nixfleet/originals/1"), "before").unwrap();
        let link = json!({ "kind": "link", "target": "/x" });
        let mut manifest: Manifest = serde_json::from_value(json!({
            "schema": 1, "host": "web-1", "base": "ubuntu", "system": "x86_64-linux", "packages": [],
            "groups": [], "users": [], "entries": {}, "units": {}, "healthChecks": [],
        }))
        .unwrap();
        let path = |name: &str| format!("{place}{name}.sources").parse::<ManagedPath>().unwrap();
        manifest.entries.insert(path("declared"), serde_json::from_value(link).unwrap());
        let owned = |origin| Owned::without_hooks(Thing::Absent, origin);
        let backup = "/var/lib/nixfleet/originals/1".parse().unwrap();
        let mut state = State::default();
        state.paths.insert(path("dead"), owned(Origin::Created));
        state.paths.insert(path("declared"), owned(Origin::Created));
        state.paths.insert(path("replaced"), owned(Origin::Original { backup }));

        link_others(&host, &manifest, &state, (place, &parts)).unwrap();

        let seen = |name: &str| fs::read_to_string(parts.join(format!("{name}.sources"))).ok();
        assert_eq!(seen("foreign").as_deref(), Some("now"));
        assert_eq!(seen("replaced").as_deref(), Some("before"));
        assert_eq!((seen("dead"), seen("declared")), (None, None));
    }
}
