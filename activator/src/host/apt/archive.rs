//! The files of a package that is not installed yet, read from its archive.

use std::collections::BTreeSet;
use std::path::Path;

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::UnitName;

use super::answer;

/// The directories from which systemd reads the units of packages.
const UNITS: [&str; 3] = ["usr/lib/systemd/system/", "lib/systemd/system/", "etc/systemd/system/"];
/// The directory of init scripts. systemd makes a service for each init script without a unit.
const SCRIPTS: &str = "etc/init.d/";

/// Returns the paths in the archive of a package, absolute and sorted.
///
/// # Errors
/// Fails with [`nixfleet_contract::problem::Code::Packages`] if the archive cannot be read.
pub fn paths(archive: &Path) -> Result<BTreeSet<String>, Problem> {
    let archive = archive.to_string_lossy();
    let contents = answer(&["dpkg-deb", "--contents", &archive])?;
    parse(&contents).ok_or_else(|| {
        Problem::new(Code::Packages, "the files of a package cannot be listed")
            .at(archive)
            .because("dpkg-deb has listed the package in an unknown form")
    })
}

/// Parses lines such as `-rw-r--r-- root/root 87 2026-11-30 10:56 ./usr/lib/systemd/system/app.service`. The
/// line of a link has its target after an arrow. A directory ends in a slash, and is left out. An archive
/// that dpkg-deb has not made may have paths that begin with `/`, or with a name. Returns `None` if a line
/// has no path.
fn parse(contents: &str) -> Option<BTreeSet<String>> {
    fn path(line: &str) -> Option<&str> {
        let mut rest = line;
        for _ in 0..5 {
            rest = rest.trim_start().split_once(' ')?.1;
        }
        let path =
            rest.split_once(" -> ").or_else(|| rest.split_once(" link to ")).map_or(rest, |(path, _)| path);
        Some(path.strip_prefix('.').filter(|path| path.starts_with('/')).unwrap_or(path))
    }
    let paths: Option<Vec<&str>> = contents.lines().map(path).collect();
    let files = paths?.into_iter().filter(|path| !path.is_empty() && !path.ends_with('/'));
    Some(files.map(|path| format!("/{}", path.trim_start_matches('/'))).collect())
}

/// Returns the units among the paths of a package, with the services of its init scripts.
#[must_use]
pub fn units(paths: &BTreeSet<String>) -> BTreeSet<UnitName> {
    let unit = |path: &String| {
        let path = path.trim_start_matches('/');
        let unit = UNITS.iter().find_map(|directory| path.strip_prefix(directory));
        match (unit, path.strip_prefix(SCRIPTS)) {
            // A unit may have a directory of its own, for drop-ins and links.
            (Some(unit), _) if !unit.contains('/') => unit.parse().ok(),
            (None, Some(script)) => format!("{script}.service").parse().ok(),
            _ => None,
        }
    };
    paths.iter().filter_map(unit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENTS: &str = "\
drwxr-xr-x root/root         0 2026-11-30 10:56 ./
drwxr-xr-x root/root         0 2026-11-30 10:56 ./etc/init.d/
-rwxr-xr-x root/root       286 2026-11-30 10:56 ./etc/init.d/appv
-rw-r--r-- root/root       100 2026-11-30 10:56 ./usr/lib/systemd/system/app.service
-rw-r--r-- root/root        85 2026-11-30 10:56 ./lib/systemd/system/app@.service
-rw-r--r-- root/root        85 2026-11-30 10:56 ./usr/lib/systemd/system/app.service.d/10-x.conf
lrwxrwxrwx root/root         0 2026-11-30 10:56 ./usr/lib/systemd/system/old.socket -> app.socket
hrw-r--r-- root/root         0 2026-11-30 10:56 ./usr/share/doc/app/b link to ./usr/share/doc/app/a
-rw-r--r-- root/root        85 2026-11-30 10:56 ./usr/share/app/a file.txt
";

    #[test]
    fn paths_are_read_without_directories_and_targets_of_links() {
        let paths: Vec<_> = parse(CONTENTS).unwrap().into_iter().collect();
        assert_eq!(
            paths,
            [
                "/etc/init.d/appv",
                "/lib/systemd/system/app@.service",
                "/usr/lib/systemd/system/app.service",
                "/usr/lib/systemd/system/app.service.d/10-x.conf",
                "/usr/lib/systemd/system/old.socket",
                "/usr/share/app/a file.txt",
                "/usr/share/doc/app/b",
            ]
        );
    }

    #[test]
    fn units_and_init_scripts_are_units() {
        let units: Vec<_> = units(&parse(CONTENTS).unwrap()).iter().map(ToString::to_string).collect();
        assert_eq!(units, ["app.service", "app@.service", "appv.service", "old.socket"]);
    }

    #[test]
    fn an_archive_may_have_other_paths_and_units_in_etc() {
        let line = |path: &str| format!("-rw-r--r-- root/root       100 2026-11-30 10:56 {path}\n");
        for path in [
            "./etc/systemd/system/app.service",
            "usr/lib/systemd/system/app.service",
            "/lib/systemd/system/app.service",
        ] {
            let found = units(&parse(&line(path)).unwrap());
            assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), ["app.service"], "{path}");
        }
        assert_eq!(parse("").unwrap().len(), 0);
        assert_eq!(parse("a list in another form\n"), None);
    }
}
