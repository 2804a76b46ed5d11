//! Reads the files of another tool.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use nixfleet_contract::problem::{Code, Problem};

use super::note::Place;

/// The maximum size of a file, in bytes. An inventory with ten thousand hosts takes about a tenth of this.
const LARGEST: u64 = 16 << 20;

/// Returns the problem that a line or a file cannot be imported.
pub fn bad(place: &Place, what: impl Into<String>) -> Problem {
    Problem::new(Code::Import, what).at(crate::text::one_line(&place.to_string()))
}

/// Reads a text file.
///
/// # Errors
/// The file cannot be read, is too large, or is not UTF-8.
pub fn read(path: &Path) -> Result<String, Problem> {
    let shown = path.to_string_lossy();
    let place = Place::file(&shown);
    let unread = |error| bad(&place, "the file cannot be read").because(error);
    let mut bytes = Vec::new();
    File::open(path).map_err(unread)?.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 > LARGEST {
        return Err(bad(&place, "the file is too large to be an inventory")
            .because(format!("it has more than {} MiB", LARGEST >> 20)));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.split(|byte| *byte == b'\n').count();
        bad(&Place::line(&shown, line), "the file is not text in UTF-8")
            .help("convert it, for example with iconv, or name another file")
    })?;
    // Some editors write a byte order mark at the beginning of a file. The mark is removed.
    Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned))
}

/// Returns the paths of the entries of a directory, sorted by name. Hidden entries are left out.
///
/// # Errors
/// The directory cannot be read.
pub fn entries(directory: &Path) -> Result<Vec<PathBuf>, Problem> {
    let unread = |error| {
        bad(&Place::file(&directory.to_string_lossy()), "the directory cannot be read").because(error)
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        let is_hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if !is_hidden {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
