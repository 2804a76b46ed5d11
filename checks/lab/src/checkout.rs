//! The files that a user gets by cloning this repository.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command::Program;
use crate::place;
use crate::seed::Layer;

/// Copies files of the checkout to `dest` in the layer of a guest, owned by `owner`. The copied files are all
/// files below `prefix` that git tracks or lists as untracked. The prefix is empty, or a directory with a
/// slash at its end.
///
/// # Errors
/// git cannot list the files, or a file cannot be copied.
pub fn copy(layer: &Layer, prefix: &str, dest: &str, owner: u32) -> Result<()> {
    let from = place::checkout();
    for path in files()? {
        let Some(below) = path.strip_prefix(prefix) else { continue };
        let source = from.join(&path);
        // A file that was deleted may still be in git's index. Such a file is skipped.
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

/// Returns the paths, relative to the checkout, of all files that git tracks or lists as untracked.
/// Directories that are repositories of their own are omitted. git lists them with a slash at the end.
///
/// # Errors
/// git cannot list the files.
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

/// Returns the paths of the Nix files, relative to the checkout.
///
/// # Errors
/// git cannot list the files.
pub fn nix_files() -> Result<Vec<String>> {
    let is_nix = |path: &String| Path::new(path).extension().is_some_and(|extension| extension == "nix");
    Ok(files()?.into_iter().filter(is_nix).collect())
}

/// Returns the paths of the documentation pages, relative to the checkout.
///
/// # Errors
/// git cannot list the files.
pub fn pages() -> Result<Vec<String>> {
    let is_page = |path: &String| Path::new(path).extension().is_some_and(|extension| extension == "md");
    Ok(files()?.into_iter().filter(is_page).collect())
}

/// Returns the paths of the shell scripts, relative to the checkout: files with the extension `sh`, and files
/// whose first line names a shell.
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

/// Returns the absolute path of a file whose path relative to the checkout is `relative`.
#[must_use]
pub fn path(relative: &str) -> PathBuf {
    place::checkout().join(relative)
}
