//! Reads the units of a NixOS system.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use nixfleet_contract::nixos::UnitSource;

use super::text;

/// The directory of the units in a system.
const UNITS: &str = "etc/systemd/system";

/// The units of a system by name and, for each unit, the units that the links in its directories `.wants`,
/// `.requires` and `.upholds` name.
pub type Units = (BTreeMap<String, UnitSource>, BTreeMap<String, BTreeSet<String>>);

/// Reads the units of a system. A unit that is masked counts as missing, as it does for
/// `switch-to-configuration`.
///
/// # Errors
/// A directory or a unit cannot be read.
pub fn units(system: &Path) -> io::Result<Units> {
    let (mut units, mut wants) = (BTreeMap::<String, UnitSource>::new(), BTreeMap::new());
    let mut drop_ins = Vec::new();
    for (name, path) in entries(&system.join(UNITS))? {
        if let Some(unit) = name.strip_suffix(".d") {
            drop_ins.push((unit.to_owned(), path));
        } else if let Some((unit, "wants" | "requires" | "upholds")) = name.rsplit_once('.') {
            let linked = entries(&path)?.into_iter().map(|(name, _)| name);
            wants.entry(unit.to_owned()).or_insert_with(BTreeSet::new).extend(linked);
        } else if let Some(source) = read(&path)? {
            units.insert(name, source);
        }
    }
    for (unit, directory) in drop_ins {
        for (name, path) in entries(&directory)? {
            let is_drop_in = Path::new(&name).extension().is_some_and(|extension| extension == "conf");
            if let (true, Some(drop_in)) = (is_drop_in, read(&path)?) {
                let only_drop_ins = UnitSource { only_drop_ins: true, ..UnitSource::default() };
                let source = units.entry(unit.clone()).or_insert(only_drop_ins);
                source.paths.extend(drop_in.paths);
                source.text.push('\n');
                source.text.push_str(&drop_in.text);
            }
        }
    }
    Ok((units, wants))
}

/// Reads the file of a unit or a drop-in. Returns `None` if the file is masked, is a broken link, or is not a
/// regular file.
fn read(path: &Path) -> io::Result<Option<UnitSource>> {
    let file = match fs::canonicalize(path) {
        Ok(file) if file == Path::new("/dev/null") => return Ok(None),
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !file.is_file() {
        return Ok(None);
    }
    let paths = vec![file.to_string_lossy().into_owned()];
    Ok(Some(UnitSource { paths, text: text(&file)?, only_drop_ins: false }))
}

/// Returns the names and paths of the entries of a directory, sorted. Returns no entries if the directory
/// does not exist.
fn entries(directory: &Path) -> io::Result<Vec<(String, std::path::PathBuf)>> {
    let listed = match fs::read_dir(directory) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in listed {
        let entry = entry?;
        found.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_units_of_a_system_are_its_files_with_their_drop_ins_and_links() {
        let system = tempfile::tempdir().unwrap();
        let at = |name: &str| system.path().join(UNITS).join(name);
        assert_eq!(units(system.path()).unwrap(), Units::default());
        for directory in
            ["a.service.d", "b@1.service.d", "masked.service.d", "m.target.wants", "m.target.upholds"]
        {
            fs::create_dir_all(at(directory)).unwrap();
        }
        let files = [
            ("a.service", "a"),
            ("b@.service", "b"),
            ("a.service.d/20.conf", "second"),
            ("a.service.d/10.conf", "first"),
            ("a.service.d/README", "no drop-in"),
            ("b@1.service.d/10.conf", "instance"),
        ];
        for (name, text) in files {
            fs::write(at(name), text).unwrap();
        }
        for link in ["masked.service", "masked.service.d/10.conf"] {
            symlink("/dev/null", at(link)).unwrap();
        }
        symlink("../a.service", at("m.target.wants/a.service")).unwrap();
        symlink("../b@.service", at("m.target.upholds/b@1.service")).unwrap();
        symlink("a.service", at("alias.service")).unwrap();

        let (units, wants) = units(system.path()).unwrap();
        let found: Vec<_> =
            units.iter().map(|(name, unit)| (&**name, &*unit.text, unit.only_drop_ins)).collect();
        let expected = [
            ("a.service", "a\nfirst\nsecond", false),
            ("alias.service", "a", false),
            ("b@.service", "b", false),
            ("b@1.service", "\ninstance", true),
        ];
        assert_eq!(found, expected);
        assert_eq!(units["a.service"].paths.len(), 3);
        let wanted = BTreeSet::from(["a.service", "b@1.service"].map(str::to_owned));
        assert_eq!(wants, BTreeMap::from([("m.target".to_owned(), wanted)]));
    }
}
