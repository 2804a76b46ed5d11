//! The checkout, copied as a user would clone it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command::Program;
use crate::place;
use crate::seed::Layer;

/// Copies every file below `prefix` that git tracks or would offer to add to `dest` of a guest's layer, owned
/// by `owner`. The prefix is a directory with its slash, or empty.
///
/// # Errors
/// git cannot list them, or one cannot be copied.
pub fn copy(layer: &Layer, prefix: &str, dest: &str, owner: u32) -> Result<()> {
    let from = place::checkout();
    for path in files()? {
        let Some(below) = path.strip_prefix(prefix) else { continue };
        let source = from.join(&path);
        // Deleted, but git does not know yet.
        let Ok(metadata) = fs::symlink_metadata(&source) else { continue };
        let dest = format!("{dest}/{below}");
        if metadata.is_symlink() {
            let target =
                fs::read_link(&source).with_context(|| format!("Failed to read {}", source.display()))?;
            layer.link(&dest, &target.to_string_lossy())?;
        } else {
            let bytes = fs::read(&source).with_context(|| format!("Failed to read {}", source.display()))?;
            let mode = if metadata.mode() & 0o100 == 0 { 0o644 } else { 0o755 };
            layer.place(&dest, &bytes, mode, owner)?;
        }
    }
    Ok(())
}

/// All files, by their relative paths. A directory with a repository of its own, which git lists with a slash
/// at its end, is left out.
///
/// # Errors
/// git cannot list them.
pub fn files() -> Result<Vec<String>> {
    let listed = Program::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .dir(place::checkout())
        .run()?
        .success()
        .context("The lab copies the files that git lists")?;
    let paths: std::collections::BTreeSet<_> = listed.stdout.split('\0').collect();
    Ok(paths.into_iter().filter(|path| !path.is_empty() && !path.ends_with('/')).map(str::to_owned).collect())
}

/// The Nix files, by their relative paths.
///
/// # Errors
/// git cannot list them.
pub fn nix_files() -> Result<Vec<String>> {
    let is_nix = |path: &String| Path::new(path).extension().is_some_and(|extension| extension == "nix");
    Ok(files()?.into_iter().filter(is_nix).collect())
}

/// The pages of documentation, by their relative paths.
///
/// # Errors
/// git cannot list them.
pub fn pages() -> Result<Vec<String>> {
    let is_page = |path: &String| Path::new(path).extension().is_some_and(|extension| extension == "md");
    Ok(files()?.into_iter().filter(is_page).collect())
}

/// The shell scripts, by their relative paths: named so, or beginning with a line that names a shell.
///
/// # Errors
/// git cannot list the files.
pub fn scripts() -> Result<Vec<String>> {
    let is_script = |path: &String| {
        let named = Path::new(path).extension().is_some_and(|extension| extension == "sh");
        let first =
            || fs::read(self::path(path)).unwrap_or_default().into_iter().take_while(|byte| *byte != b'\n');
        named || matches!(first().collect::<Vec<_>>().as_slice(), [b'#', b'!', .., b's', b'h'])
    };
    Ok(files()?.into_iter().filter(is_script).collect())
}

/// Where a file of the checkout lies on this machine.
#[must_use]
pub fn path(relative: &str) -> PathBuf {
    place::checkout().join(relative)
}
