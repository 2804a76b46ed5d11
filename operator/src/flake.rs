//! Finds the flake, or the Nix file without a flake, that describes the fleet.

mod reference;
pub mod shown;
mod tree;

use std::path::{Path, PathBuf};

use nixfleet_contract::problem::{Code, Problem};
use reference::{Reference, ReferenceKind};

pub use tree::{Tree, normal};

/// A flake, and the reference by which Nix finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flake {
    /// The flake reference for Nix, with all its parameters. A local flake is named by its absolute path, so
    /// that Nix recognises a Git checkout and the history shows which flake was used.
    pub reference: String,
    /// The source tree, if the flake is read from a working tree on this machine.
    pub tree: Option<Tree>,
    /// Whether this is a Nix file that is evaluated without a flake. In this case, `reference` is the path of
    /// the file.
    pub is_file: bool,
}

impl Flake {
    /// Finds the flake that the user named in any form that Nix accepts. Without a name, finds the nearest
    /// flake in `from` or the directories above it.
    ///
    /// # Errors
    /// There is no `flake.nix`, or the reference has a fragment or begins with a hyphen.
    pub fn find(named: Option<&str>, from: &Path) -> Result<Self, Problem> {
        let Some(named) = named else { return Self::upwards(from) };
        if let Some((place, fragment)) = named.split_once('#')
            && !fragment.is_empty()
        {
            return Err(Problem::new(Code::Usage, "the flake reference contains a fragment")
                .at(shown::reference(named))
                .because("a fleet is the whole `nixfleet` output of a flake")
                .help(format!("remove the fragment: --flake {}", shown::reference(place))));
        }
        if named.starts_with('-') {
            return Err(Problem::new(Code::Usage, "the flake reference starts with a hyphen")
                .at(shown::reference(named))
                .because("Nix would treat the reference as an option")
                .help(format!("write a path with `./`: --flake ./{}", shown::reference(named))));
        }
        let reference = Reference::parse(named.trim_end_matches('#'));
        match reference.kind(from) {
            ReferenceKind::Path => Self::at_path(&reference, from),
            ReferenceKind::PathUrl(path) => Self::at_url("path:", &path, &reference, from),
            ReferenceKind::GitUrl(path) => Self::at_url("git+file://", &path, &reference, from),
            ReferenceKind::Remote => {
                Ok(Self { reference: reference.to_string(), tree: None, is_file: false })
            }
        }
    }

    /// Finds the Nix file that the user named, for a fleet without a flake. As in Nix, a directory names the
    /// `default.nix` in it.
    ///
    /// # Errors
    /// The file does not exist.
    pub fn file(named: &Path, from: &Path) -> Result<Self, Problem> {
        let absent = |why: &dyn std::fmt::Display| {
            Problem::new(Code::NoFleet, "the file of the fleet does not exist")
                .at(named.display())
                .because(why)
                .help("name a Nix file that returns the result of mkFleet: --file ./default.nix")
        };
        let found = from.join(named).canonicalize().map_err(|error| absent(&error))?;
        let file = if found.is_dir() { found.join("default.nix") } else { found };
        if !file.exists() {
            return Err(absent(&"the directory has no default.nix"));
        }
        let directory = file.parent().unwrap_or(&file);
        // Nix reads the file and the files that it imports in place, whether or not Git tracks these files.
        let tree = Tree::new(Tree::checkout(directory).unwrap_or(directory), directory, false);
        Ok(Self { reference: file.to_string_lossy().into_owned(), tree: Some(tree), is_file: true })
    }

    fn upwards(from: &Path) -> Result<Self, Problem> {
        match from.ancestors().find(|directory| directory.join("flake.nix").exists()) {
            Some(directory) => Ok(Self::local(directory, &Reference::parse("."))),
            None => Err(Problem::new(
                Code::NoFleet,
                "neither this directory nor a directory above it has a flake.nix",
            )
            .at(from.display())
            .help("change to the directory of the fleet, or set --flake PATH or NIXFLEET_FLAKE=PATH")),
        }
    }

    /// Finds the flake that a path names. As in Nix, the path may name `flake.nix` itself, or a directory
    /// below the flake's directory.
    fn at_path(reference: &Reference, from: &Path) -> Result<Self, Problem> {
        let place = existing(&from.join(&reference.place), reference)?;
        let place = if place.is_file() { place.parent().unwrap_or(&place).to_owned() } else { place };
        if let Some(below) = reference.parameter("dir") {
            let directory = flake_in(existing(&place.join(below), reference)?)?;
            // Outside of Git, Nix copies only the files below the path in the reference, and the flake may
            // use files outside of its subdirectory. The reference therefore keeps its path, and the
            // parameter `dir` names the subdirectory.
            return Ok(match Tree::checkout(&directory) {
                Some(_) => Self::local(&directory, &reference.without("dir")),
                None => Self::url("path:", &place, &directory, reference),
            });
        }
        let checkout = Tree::checkout(&place);
        let found = place
            .ancestors()
            .take_while(|each| checkout.is_none_or(|checkout| each.starts_with(checkout)))
            .find(|each| each.join("flake.nix").exists());
        Ok(Self::local(&flake_in(found.unwrap_or(&place).to_owned())?, reference))
    }

    fn at_url(scheme: &str, path: &Path, reference: &Reference, from: &Path) -> Result<Self, Problem> {
        let place = existing(&from.join(path), reference)?;
        let below = reference.parameter("dir").unwrap_or_default();
        let directory = flake_in(existing(&place.join(below), reference)?)?;
        Ok(Self::url(scheme, &place, &directory, reference))
    }

    /// Returns the flake in this directory, with the path of the directory as its reference.
    fn local(directory: &Path, reference: &Reference) -> Self {
        let place = directory.to_string_lossy();
        let checkout = Tree::checkout(directory);
        if !place.contains(['?', '#']) {
            let tree = Tree::new(checkout.unwrap_or(directory), directory, checkout.is_some());
            return Self::new(&reference.at(place.into_owned()), tree);
        }
        // Nix accepts neither `?` nor `#` in a path, so a URL is used as the reference.
        match checkout {
            Some(root) => {
                let below = directory.strip_prefix(root).unwrap_or(Path::new(""));
                let reference = reference.with("dir", &below.to_string_lossy());
                Self::url("git+file://", root, directory, &reference)
            }
            None => Self::url("path:", directory, directory, reference),
        }
    }

    /// Returns the flake in `directory`, with a URL of the path `place` as its reference. `directory` is the
    /// same as `place`, or is below `place`.
    fn url(scheme: &str, place: &Path, directory: &Path, reference: &Reference) -> Self {
        let tree = Tree::new(place, directory, scheme != "path:");
        Self::new(&reference.at(format!("{scheme}{}", reference::encoded(place))), tree)
    }

    fn new(reference: &Reference, tree: Tree) -> Self {
        // If the reference names a branch or commit, Nix does not read the working tree, so the flake has no
        // tree here.
        let is_commit = ["ref", "rev"].into_iter().any(|name| reference.parameter(name).is_some());
        Self { reference: reference.to_string(), tree: (!is_commit).then_some(tree), is_file: false }
    }

    /// Returns the reference for display and for records, with secrets hidden.
    #[must_use]
    pub fn shown(&self) -> String {
        shown::reference(&self.reference)
    }

    /// Returns the reference of this flake with the parameter that makes Nix include Git submodules, for the
    /// user to type. Returns `None` if the reference already has this parameter.
    #[must_use]
    pub fn with_submodules(&self) -> Option<String> {
        let reference = Reference::parse(&self.reference);
        let has_them = reference.parameter("submodules").is_some_and(|value| value == "1");
        (!has_them).then(|| shown::reference(&reference.with("submodules", "1").to_string()))
    }
}

fn existing(path: &Path, reference: &Reference) -> Result<PathBuf, Problem> {
    path.canonicalize().map_err(|error| {
        let problem = Problem::new(Code::NoFleet, "the flake does not exist")
            .at(shown::reference(&reference.to_string()))
            .because(error);
        if reference.place.starts_with('~') {
            problem.help("write $HOME instead of ~: the shell does not expand ~ in quotes or after =")
        } else {
            problem
        }
    })
}

fn flake_in(directory: PathBuf) -> Result<PathBuf, Problem> {
    if directory.join("flake.nix").exists() {
        return Ok(directory);
    }
    Err(Problem::new(Code::NoFleet, "the directory has no flake.nix")
        .at(directory.display())
        .help("create a flake: nix flake init -t github:nixfleet/nixfleet"))
}

#[cfg(test)]
mod tests;
