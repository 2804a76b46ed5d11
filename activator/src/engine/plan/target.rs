//! The target of a plan: a manifest and the closure that it belongs to.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nixfleet_contract::force::Force;
use nixfleet_contract::generation::Generation;
use nixfleet_contract::health::Check;
use nixfleet_contract::manifest::{FileEntry, Manifest};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::{AbsPath, ManagedPath};

use crate::digest;
use crate::engine::apt::package_objects;
use crate::engine::plan::contents::Contents;
use crate::engine::plan::diff::TargetView;
use crate::engine::plan::external;
use crate::engine::plan::previous::previous;
use crate::engine::plan::unit_states::{self, UnitObjections};
use crate::engine::recovery_unit;
use crate::engine::state::State;
use crate::host::Host;
use crate::host::profile::Profile;
use crate::host::record::read_limited;
use crate::toplevel;

/// A target, with its manifest parsed.
#[derive(Clone, Debug)]
pub struct Target {
    /// The manifest.
    pub manifest: Manifest,
    /// The SHA-256 of the bytes from which the manifest was parsed.
    pub digest: String,
    /// The store path of the closure.
    pub closure: String,
    /// The number of the generation, if the target is an existing generation of the host.
    pub number: Option<u64>,
    /// File contents that were sent with the manifest.
    pub contents: Arc<Contents>,
    /// Whether packages of apt may change although the target is an existing generation.
    pub with_packages: bool,
    /// The excluded paths. The change leaves these paths and all managed paths below them as they are.
    pub exclude: BTreeSet<ManagedPath>,
    /// Reasons why the declared state of a unit of the distribution cannot be reached on this host.
    pub objections: UnitObjections,
}

/// A target whose manifest is not parsed yet.
#[derive(Clone, Debug)]
pub struct TargetClosure {
    /// The bytes of the manifest.
    pub manifest: Vec<u8>,
    /// The SHA-256 of the manifest.
    pub digest: String,
    /// The store path of the closure.
    pub closure: String,
    /// The number of the generation, if the target is an existing generation of the host.
    pub number: Option<u64>,
    /// The path of the manifest, if it was read from the closure.
    location: Option<PathBuf>,
    /// File contents that were sent with the manifest.
    contents: Arc<Contents>,
}

impl TargetClosure {
    /// Reads the manifest of a closure that is on this machine.
    ///
    /// # Errors
    /// [`Code::InvalidManifest`] if the manifest cannot be read; [`Code::Usage`] if the closure is not an
    /// absolute path.
    pub fn of_closure(closure: &str) -> Result<Self, Problem> {
        check_absolute(closure)?;
        let path = Path::new(closure).join("manifest.json");
        if toplevel::is_system(Path::new(closure)) {
            return Self::of_system(closure);
        }
        let absent = |why: String| {
            Problem::new(Code::InvalidManifest, "the manifest in the host's closure cannot be read")
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

    /// Creates a target from a NixOS system that another tool made. It has nothing that NixFleet manages.
    fn of_system(system: &str) -> Result<Self, Problem> {
        let unreadable = |why: String| {
            Problem::new(Code::InvalidManifest, "the NixOS system cannot be read").at(system).because(why)
        };
        let manifest = external::manifest(Path::new(system)).map_err(unreadable)?;
        let manifest = serde_json::to_vec(&manifest).map_err(|error| unreadable(error.to_string()))?;
        Self::of_manifest(manifest, system)
    }

    /// Creates a target from a manifest whose closure may be on another machine.
    ///
    /// # Errors
    /// [`Code::Usage`] if the closure is not an absolute path.
    pub fn of_manifest(manifest: Vec<u8>, closure: &str) -> Result<Self, Problem> {
        check_absolute(closure)?;
        let digest = digest::of(&manifest);
        let contents = Arc::new(Contents::default().with_own());
        Ok(Self { manifest, digest, closure: closure.to_owned(), number: None, location: None, contents })
    }

    /// Adds file contents that were sent with the manifest.
    #[must_use]
    pub fn with(self, contents: Contents) -> Self {
        Self { contents: Arc::new(contents.with_own()), ..self }
    }

    /// Reads the manifest of a generation of the host.
    ///
    /// # Errors
    /// [`Code::NoGeneration`] if the generation does not exist, with a list of the existing generations.
    /// [`Code::InvalidManifest`] if the manifest of the generation cannot be read.
    pub fn of_generation(host: &Host, profile: &Profile, reference: GenerationRef) -> Result<Self, Problem> {
        let found = match reference {
            GenerationRef::Number(number) => profile.generation(number),
            GenerationRef::Previous => previous(host, profile),
        };
        let generation: &Generation = found.ok_or_else(|| no_generation(profile, reference))?;
        Ok(Self { number: Some(generation.number), ..Self::of_closure(&generation.closure)? })
    }

    /// Parses the manifest.
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
        let (exclude, objections) = (BTreeSet::new(), UnitObjections::default());
        let with_packages = false;
        Ok(Target { manifest, digest, closure, number, contents, with_packages, exclude, objections })
    }
}

impl Target {
    /// Returns the parts of the target that the diff compares.
    #[must_use]
    pub fn view(&self) -> TargetView<'_> {
        let Self { manifest, closure, number, exclude, .. } = self;
        TargetView { manifest, closure, number: *number, exclude }
    }

    /// Adds what depends on the host: the links for the states of units of the distribution, the names of
    /// packages without the architecture of the host, and the permission to take over files that came with
    /// packages that NixFleet installed.
    #[must_use]
    pub fn on(mut self, host: &Host) -> Self {
        if !self.manifest.unit_states.is_empty() {
            // A state that cannot be read is a problem of the plan, which reads the state too.
            let (state, _) = State::read(host).unwrap_or_default();
            self.objections = unit_states::add_entries(host, &state, &mut self.manifest);
        }
        self.manifest.apt = self.manifest.apt.map(|packages| packages.on(&self.manifest.system));
        package_objects::take_over(host, &mut self.manifest);
        self
    }

    /// Excludes the paths that the operator wants to leave as they are.
    #[must_use]
    pub fn without(self, force: &[Force]) -> Self {
        let exclude = force.iter().filter_map(Force::path).cloned().collect();
        Self { exclude, with_packages: force.contains(&Force::Packages), ..self }
    }

    /// Opens the content of a file.
    ///
    /// # Errors
    /// Fails with the kernel's error.
    pub fn content(&self, path: &ManagedPath, file: &FileEntry) -> io::Result<Box<dyn Read>> {
        match recovery_unit::content(path, &file.sha256) {
            Some(own) => Ok(Box::new(own)),
            None => Ok(Box::new(File::open(self.source(&file.source))?)),
        }
    }

    /// Returns a path from which the content of a file can be read. The path is in the closure, or belongs to
    /// the contents that were sent with the manifest. Returns `None` if the content is not on this machine.
    #[must_use]
    pub fn place(&self, path: &ManagedPath, file: &FileEntry) -> Option<PathBuf> {
        let source = self.source(&file.source);
        let own = recovery_unit::content(path, &file.sha256);
        if own.is_none() && source.is_file() { Some(source) } else { self.contents.path(&file.sha256) }
    }

    /// Whether another tool made the target, a NixOS system.
    #[must_use]
    pub fn is_external(&self) -> bool {
        self.manifest.nixos.as_ref().is_some_and(|system| *system.toplevel == *self.closure)
    }

    /// Whether the closure is on this machine.
    #[must_use]
    pub fn is_here(&self) -> bool {
        Path::new(&self.closure).exists()
    }

    /// Returns the path of a file's content in the closure. The closure need not be on this machine yet.
    /// `source` is the field `source` of the file's manifest entry.
    #[must_use]
    pub fn source(&self, source: &str) -> PathBuf {
        Path::new(&self.closure).join(source)
    }
}

/// Checks that a closure is an absolute path, because the profile will link to it.
fn check_absolute(closure: &str) -> Result<(), Problem> {
    match closure.parse::<AbsPath>() {
        Ok(_) => Ok(()),
        Err(invalid) => {
            Err(Problem::new(Code::Usage, "the given closure is not a store path").because(invalid))
        }
    }
}

/// A generation to roll back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GenerationRef {
    /// The generation with this number.
    Number(u64),
    /// The generation before the active generation. If another tool has activated a NixOS system since then,
    /// this is the active generation itself.
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
        GenerationRef::Previous => "the host has no generation before the current one".to_owned(),
    };
    let problem = Problem::new(Code::NoGeneration, what).at(crate::host::profile::DIRECTORY);
    match numbers.as_slice() {
        [] => problem.help("apply a first generation: nixfleet apply"),
        [only] => problem.help(format!(
            "apply a change to create another generation: the host has only generation {only}"
        )),
        several => problem.help(format!("choose an existing generation: {}", several.join(", "))),
    }
}

/// Returns the health checks of a closure that is on this machine; `None` if they cannot be read. A NixOS
/// system that another tool made has none.
pub(in crate::engine) fn checks_of(closure: &str) -> Option<Vec<Check>> {
    let closure = Path::new(closure);
    if toplevel::is_system(closure) {
        return Some(Vec::new());
    }
    Check::of_manifest(&read_limited(&closure.join("manifest.json")).ok()??).ok()
}
