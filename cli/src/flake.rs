//! Which flake describes the fleet.

use std::path::{Path, PathBuf};

use nixfleet_activate::problem::{Code, Problem};

use crate::args;

/// A flake as Nix is given it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flake {
    /// The reference for Nix. A plain path, so that Nix treats a Git checkout as it always does.
    pub reference: String,
    /// The directory of a local flake.
    pub directory: Option<PathBuf>,
}

impl Flake {
    /// The flake that was named, or the nearest one upwards from `from`.
    ///
    /// # Errors
    /// There is no `flake.nix`, or the reference carries a fragment.
    pub fn find(named: Option<&str>, from: &Path) -> Result<Self, Problem> {
        let Some(named) = named else { return Self::upwards(from) };
        if let Some((place, fragment)) = named.split_once('#')
            && !fragment.is_empty()
        {
            return Err(Problem::new(Code::Usage, "the flake reference carries a fragment")
                .at(args::reference(named))
                .because("a fleet is the whole `nixfleet` output of a flake")
                .help(format!("leave it out: --flake {}", args::reference(place))));
        }
        let reference = named.trim_end_matches('#');
        let is_path =
            reference.starts_with(['.', '/']) || (!reference.contains(':') && from.join(reference).is_dir());
        if !is_path {
            return Ok(Self { reference: reference.to_owned(), directory: None });
        }
        let directory = from.join(reference).canonicalize().map_err(|error| {
            Problem::new(Code::NoFleet, "the flake does not exist").at(reference).because(error)
        })?;
        if !directory.join("flake.nix").exists() {
            return Err(Problem::new(Code::NoFleet, "there is no flake.nix")
                .at(directory.display())
                .help("create one: nix flake init -t github:nixfleet/nixfleet"));
        }
        Ok(Self::local(directory))
    }

    fn upwards(from: &Path) -> Result<Self, Problem> {
        match from.ancestors().find(|directory| directory.join("flake.nix").exists()) {
            Some(directory) => Ok(Self::local(directory.to_owned())),
            None => Err(Problem::new(Code::NoFleet, "no flake.nix here or in any directory above")
                .at(from.display())
                .help("go to your fleet, or name it: --flake PATH, or NIXFLEET_FLAKE=PATH")),
        }
    }

    fn local(directory: PathBuf) -> Self {
        Self { reference: directory.to_string_lossy().into_owned(), directory: Some(directory) }
    }

    /// The reference as it may be shown and remembered: without what may be secret.
    pub fn shown(&self) -> String {
        args::reference(&self.reference)
    }

    /// The root of the tree that Nix copies: the Git checkout around a local flake, or else its directory.
    pub fn tree(&self) -> Option<&Path> {
        let directory = self.directory.as_deref()?;
        Some(directory.ancestors().find(|each| each.join(".git").exists()).unwrap_or(directory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("fleet/hosts/web")).unwrap();
        std::fs::write(root.path().join("fleet/flake.nix"), "{}").unwrap();
        root
    }

    #[test]
    fn the_nearest_flake_upwards_is_found() {
        let root = tree();
        let found = Flake::find(None, &root.path().join("fleet/hosts/web")).unwrap();
        assert_eq!(found.directory, Some(root.path().join("fleet")));
        assert_eq!(Flake::find(None, root.path()).unwrap_err().code, Code::NoFleet);
    }

    #[test]
    fn a_path_is_a_local_flake_and_anything_else_is_left_to_nix() {
        let root = tree();
        let found = Flake::find(Some("./fleet"), root.path()).unwrap();
        assert_eq!(found.directory, Some(root.path().join("fleet").canonicalize().unwrap()));
        assert_eq!(Flake::find(Some("fleet#"), root.path()).unwrap(), found);
        assert_eq!(Flake::find(Some("github:a/b"), root.path()).unwrap().directory, None);
        assert_eq!(Flake::find(Some("./hosts"), root.path()).unwrap_err().code, Code::NoFleet);
        assert_eq!(Flake::find(Some("./fleet#web"), root.path()).unwrap_err().code, Code::Usage);
    }

    #[test]
    fn nobody_is_told_what_is_secret_in_a_reference() {
        let named = "git+https://hunter2@host/fleet";
        let flake = Flake::find(Some(named), Path::new("/")).unwrap();
        assert_eq!((flake.reference.as_str(), flake.shown().as_str()), (named, "git+https://…@host/fleet"));
        let refused = Flake::find(Some(&format!("{named}#web")), Path::new("/")).unwrap_err();
        assert!(!refused.to_string().contains("hunter2"), "{refused}");
    }

    #[test]
    fn the_tree_is_the_git_checkout_around_the_flake() {
        let root = tree();
        std::fs::create_dir(root.path().join(".git")).unwrap();
        let found = Flake::find(None, &root.path().join("fleet")).unwrap();
        assert_eq!(found.tree(), Some(root.path()));
    }
}
