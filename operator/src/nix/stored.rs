//! Safe access to files of closures and flakes on this machine.
//!
//! The repository of a fleet determines the content of its closures and of the flake. A link in a closure or
//! in the flake may point to any file of the user, and a manifest may name any path. If such a link or path
//! were followed, the user's file would be shown, stored and sent to a host.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

/// The directory that contains all closures.
pub const STORE: &str = "/nix/store";

/// Whether a text is a path directly below the store, rather than a reference that Nix would fetch or build.
#[must_use]
pub fn is_path(text: &str) -> bool {
    let name = text.strip_prefix(STORE).and_then(|rest| rest.strip_prefix('/'));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "+-._?=".contains(c);
    name.is_some_and(|name| !name.is_empty() && !name.starts_with('.') && name.chars().all(is_plain))
}

/// Reads a file in the store. Links are followed only within the store.
///
/// # Errors
/// The file cannot be read, is not a regular file, or a link leads out of the store.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    read_below(Path::new(STORE), path)
}

/// Reads a file below a directory. Links are followed only within that directory.
///
/// # Errors
/// As for [`read`].
pub fn read_below(directory: &Path, path: &Path) -> io::Result<Vec<u8>> {
    let refused = |why: String| Err(io::Error::new(ErrorKind::InvalidInput, why));
    // A part of the directory's own path may be a link, such as `/nix`, so both paths are resolved before
    // they are compared.
    let real = path.canonicalize()?;
    if !real.starts_with(directory.canonicalize()?) {
        return refused(format!("it points outside {}, to {}", directory.display(), real.display()));
    }
    // The repository of a fleet cannot replace the file between this check and the read.
    if !fs::symlink_metadata(&real)?.is_file() {
        return refused("it is not a regular file".to_owned());
    }
    fs::read(real)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_paths_right_in_the_store_are_such() {
        assert!(is_path("/nix/store/0cbw-web-1+a_b.c?d=e.drv"));
        for other in [
            "",
            "/nix/store",
            "/nix/store/",
            "/nix/store/a/b",
            "/nix/store/.a",
            "/nix/store/../etc",
            "/etc",
            "a",
            "path:/home#x",
            "/nix/store/a\npath:/home#x",
            "/nix/store/a^out",
            "/nix/store/a#x",
            " /nix/store/a",
        ] {
            assert!(!is_path(other), "{other}");
        }
    }

    #[test]
    fn a_link_is_followed_as_far_as_it_stays_in_the_store() {
        let root = tempfile::tempdir().unwrap();
        let store = root.path().join("store");
        fs::create_dir_all(store.join("a")).unwrap();
        fs::write(store.join("a/file"), "text").unwrap();
        fs::write(root.path().join("key"), "private").unwrap();
        fs::create_dir(root.path().join("store-of-another")).unwrap();
        fs::write(root.path().join("store-of-another/key"), "private").unwrap();
        for (name, to) in
            [("in", "a/file"), ("twice", "in"), ("out", "../key"), ("through", "out"), ("a/up", "../..")]
        {
            symlink(to, store.join(name)).unwrap();
        }
        for good in ["a/file", "in", "twice"] {
            assert_eq!(read_below(&store, &store.join(good)).unwrap(), b"text", "{good}");
        }
        for bad in
            ["out", "through", "a/up/key", "../key", "../store-of-another/key", "a", "none", "/dev/zero"]
        {
            assert!(read_below(&store, &store.join(bad)).is_err(), "{bad}");
        }
    }
}
