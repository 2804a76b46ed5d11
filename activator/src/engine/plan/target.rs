//! What a host should converge to: a manifest and the closure it belongs to.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nixfleet_contract::force::Force;
use nixfleet_contract::generation::Generation;
use nixfleet_contract::manifest::{FileEntry, Manifest};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::{AbsPath, ManagedPath};

use crate::digest;
use crate::engine::plan::contents::Contents;
use crate::engine::plan::diff::TargetView;
use crate::engine::recovery_unit;
use crate::host::profile::Profile;
use crate::host::record::read_limited;

/// A manifest, its bytes, and its closure.
#[derive(Clone, Debug)]
pub struct Target {
    /// The manifest.
    pub manifest: Manifest,
    /// SHA-256 of the manifest as it was read.
    pub digest: String,
    /// The closure.
    pub closure: String,
    /// The number of the generation, if the target is a generation that exists.
    pub number: Option<u64>,
    /// Contents of its files that came with it.
    pub contents: Arc<Contents>,
    /// Paths that are left as they are, with all that is managed below them.
    pub exclude: BTreeSet<ManagedPath>,
}

/// A closure that a host could converge to. Its manifest is not looked into yet.
#[derive(Clone, Debug)]
pub struct TargetClosure {
    /// The manifest as it was read.
    pub manifest: Vec<u8>,
    /// Its SHA-256.
    pub digest: String,
    /// The closure.
    pub closure: String,
    /// The number of the generation, if the target is a generation that exists.
    pub number: Option<u64>,
    /// Where the manifest was read, if it was in the closure.
    location: Option<PathBuf>,
    /// Contents of its files that came with it.
    contents: Arc<Contents>,
}

impl TargetClosure {
    /// Reads the manifest of a closure that is on this machine.
    ///
    /// # Errors
    /// [`Code::InvalidManifest`].
    pub fn of_closure(closure: &str) -> Result<Self, Problem> {
        check_absolute(closure)?;
        let path = Path::new(closure).join("manifest.json");
        let absent = |why: String| {
            Problem::new(Code::InvalidManifest, "the manifest of the closure cannot be read")
                .at(path.display())
                .because(why)
                .help("run `nixfleet apply`, which copies the closure to the host")
        };
        match read_limited(&path) {
            Ok(Some(bytes)) => Self::of_manifest(bytes, closure)
                .map(|target_closure| Self { location: Some(path), ..target_closure }),
            Ok(None) => Err(absent("the file does not exist".to_owned())),
            Err(error) => Err(absent(error.to_string())),
        }
    }

    /// Takes a manifest whose closure may be elsewhere.
    ///
    /// # Errors
    /// [`Code::Usage`] where the closure is not named by an absolute path.
    pub fn of_manifest(manifest: Vec<u8>, closure: &str) -> Result<Self, Problem> {
        check_absolute(closure)?;
        let digest = digest::of(&manifest);
        let contents = Arc::new(Contents::default().with_own());
        Ok(Self { manifest, digest, closure: closure.to_owned(), number: None, location: None, contents })
    }

    /// The same with contents of its files.
    #[must_use]
    pub fn with(self, contents: Contents) -> Self {
        Self { contents: Arc::new(contents.with_own()), ..self }
    }

    /// Reads a generation of the host again.
    ///
    /// # Errors
    /// [`Code::NoGeneration`] where it does not exist, listing those that do; [`Code::InvalidManifest`].
    pub fn of_generation(profile: &Profile, reference: GenerationRef) -> Result<Self, Problem> {
        let current = profile.current.as_ref().map_or(u64::MAX, |generation| generation.number);
        let mut generations = profile.generations.iter().map(|info| &info.generation);
        let found = match reference {
            GenerationRef::Number(number) => profile.generation(number),
            GenerationRef::Previous => generations.rfind(|generation| generation.number < current),
        };
        let generation: &Generation = found.ok_or_else(|| no_generation(profile, reference))?;
        Ok(Self { number: Some(generation.number), ..Self::of_closure(&generation.closure)? })
    }

    /// Looks into the manifest.
    ///
    /// # Errors
    /// [`Code::InvalidManifest`].
    pub fn open(self) -> Result<Target, Problem> {
        let Self { manifest, digest, closure, number, location, contents } = self;
        let mut manifest = Manifest::parse(&manifest).map_err(|problem| match location {
            Some(path) => problem.at(path.display()),
            None => problem,
        })?;
        recovery_unit::take_over(&mut manifest);
        Ok(Target { manifest, digest, closure, number, contents, exclude: BTreeSet::new() })
    }
}

impl Target {
    /// As the pure part of the engine takes it.
    #[must_use]
    pub fn view(&self) -> TargetView<'_> {
        let Self { manifest, closure, number, exclude, .. } = self;
        TargetView { manifest, closure, number: *number, exclude }
    }

    /// The same, but for what is to be left as it is.
    #[must_use]
    pub fn without(self, force: &[Force]) -> Self {
        Self { exclude: force.iter().filter_map(Force::path).cloned().collect(), ..self }
    }

    /// The content of a file.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn content(&self, path: &ManagedPath, file: &FileEntry) -> io::Result<Box<dyn Read>> {
        match recovery_unit::content(path, &file.sha256) {
            Some(own) => Ok(Box::new(own)),
            None => Ok(Box::new(File::open(self.source(&file.source))?)),
        }
    }

    /// Where the content of a file can be read now, in its closure or beside its manifest; nothing where it
    /// is not on this machine.
    #[must_use]
    pub fn place(&self, path: &ManagedPath, file: &FileEntry) -> Option<PathBuf> {
        let source = self.source(&file.source);
        let own = recovery_unit::content(path, &file.sha256);
        if own.is_none() && source.is_file() { Some(source) } else { self.contents.path(&file.sha256) }
    }

    /// Whether its closure is on this machine.
    #[must_use]
    pub fn is_here(&self) -> bool {
        Path::new(&self.closure).exists()
    }

    /// Where the content of a file stands once the closure is here, by the source its manifest entry names.
    #[must_use]
    pub fn source(&self, source: &str) -> PathBuf {
        Path::new(&self.closure).join(source)
    }
}

/// The profile will point at the closure, wherever this process runs.
fn check_absolute(closure: &str) -> Result<(), Problem> {
    match closure.parse::<AbsPath>() {
        Ok(_) => Ok(()),
        Err(invalid) => {
            Err(Problem::new(Code::Usage, "the closure must be given as a store path").because(invalid))
        }
    }
}

/// A generation to go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GenerationRef {
    /// By number.
    Number(u64),
    /// The one before the one in force.
    Previous,
}

impl std::str::FromStr for GenerationRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "previous" => Ok(Self::Previous),
            number => {
                number.parse().map(Self::Number).map_err(|_| "expected a number or `previous`".to_owned())
            }
        }
    }
}

fn no_generation(profile: &Profile, reference: GenerationRef) -> Problem {
    let numbers: Vec<String> =
        profile.generations.iter().map(|info| info.generation.number.to_string()).collect();
    let what = match reference {
        GenerationRef::Number(number) => format!("generation {number} does not exist on the host"),
        GenerationRef::Previous => "there is no generation before the one in force".to_owned(),
    };
    let problem = Problem::new(Code::NoGeneration, what).at(crate::host::profile::DIRECTORY);
    match numbers.as_slice() {
        [] => problem.help("apply a first generation: nixfleet apply"),
        [only] => problem.help(format!("apply another generation first: generation {only} is the only one")),
        several => problem.help(format!("choose an existing generation: {}", several.join(", "))),
    }
}
