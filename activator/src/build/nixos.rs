//! Compiles the NixOS system of an intent.

use std::path::Path;

use nixfleet_contract::intent::{self, Intent};
use nixfleet_contract::nixos::{
    DeclaredParts, EtcEntry, Loader, NixosSystem, SummaryFile, SystemAccounts, SystemSummary,
};
use nixfleet_contract::problem::{Code, Problem};

use super::compile::Compiler;
use crate::{digest, toplevel};

/// The option to which errors about a NixOS system point.
const OPTION: &str = "nixosConfigurations";

impl Compiler<'_> {
    /// Checks that an intent has a NixOS system exactly if its base is `nixos`. Reads the properties of the
    /// system that a host needs before the system is copied to the host.
    pub(super) fn nixos(&mut self, intent: &Intent) -> Option<NixosSystem> {
        let system = match (&*intent.base, &intent.nixos) {
            ("ubuntu", None) => return None,
            ("nixos", Some(system)) => system,
            ("nixos", None) => {
                self.reject("base", "a host with base `nixos` has no NixOS system", "");
                return None;
            }
            ("ubuntu", Some(_)) => {
                self.reject("base", "a host with base `ubuntu` has a NixOS system", "");
                return None;
            }
            (base, _) => {
                let help = "use base \"ubuntu\" or base \"nixos\"";
                self.reject("base", format!("base `{}` has no host closure", base.escape_debug()), help);
                return None;
            }
        };
        let path = Path::new(&system.toplevel);
        if !toplevel::is_system(path) {
            let what = format!("{} is not a NixOS system", system.toplevel.escape_debug());
            self.reject(OPTION, what, "");
            return None;
        }
        let (boot, inhibitors) = match (toplevel::boot_parts(path), toplevel::inhibitors(path)) {
            (Ok(boot), Ok(inhibitors)) => (boot, inhibitors),
            (Err(error), _) | (_, Err(error)) => {
                let what = format!("the NixOS system {} cannot be read: {error}", system.toplevel);
                self.reject(OPTION, what, "");
                return None;
            }
        };
        // A system may lack the tools of its boot loader, for example of GRUB on EFI. Without these tools,
        // the boot loader cannot boot a system once.
        let tools = |loader: &Loader| match loader {
            Loader::SystemdBoot => &["bootctl"][..],
            Loader::Grub => &["grub-editenv", "grub-reboot"],
        };
        let has_tools =
            |loader: &Loader| tools(loader).iter().all(|tool| path.join("sw/bin").join(tool).exists());
        let loader = system.loader.filter(has_tools);
        let toplevel = self.parse(OPTION, &system.toplevel)?;
        let mut names = |names: &[String]| names.iter().filter_map(|name| self.parse(OPTION, name)).collect();
        let accounts =
            SystemAccounts { users: names(&system.accounts.users), groups: names(&system.accounts.groups) };
        let declared = self.declared(&system.declared)?;
        Some(NixosSystem {
            toplevel,
            loader,
            boot,
            inhibitors,
            activation_timeout: system.activation_timeout,
            accounts,
            declared,
            summary: None,
        })
    }

    /// Reads the digests of the declared files below `/etc`. A file whose source is a directory is left out.
    fn declared(&mut self, parts: &intent::DeclaredParts) -> Option<DeclaredParts> {
        let mut declared = DeclaredParts::default();
        for file in &parts.files {
            let option = format!("environment.etc.{:?}", file.path);
            let (path, access) = (
                self.parse(&option, &file.path)?,
                self.access(&option, &file.mode, &file.owner, &file.group)?,
            );
            if Path::new(&file.source).is_file() {
                let sha256 = self.source(&option, &file.source)?.sha256;
                declared.etc.insert(path, EtcEntry::File { sha256, access });
            }
        }
        for link in &parts.links {
            let path = self.parse(format!("environment.etc.{:?}", link.path), &link.path)?;
            declared.etc.insert(path, EtcEntry::Link { target: link.target.clone() });
        }
        for unit in &parts.units {
            let option = format!("systemd.units.{:?}", unit.name);
            let name = self.parse(&option, &unit.name)?;
            let started_by = unit.started_by.iter().filter_map(|other| self.parse(&option, other)).collect();
            declared.units.insert(name, started_by);
        }
        Some(declared)
    }
}

/// Returns the summary of a system as JSON, and records the digest and size of the summary in `system`.
/// `paths`: the store paths in the closure of the system.
///
/// # Errors
/// A unit or the `fstab` of the system cannot be read.
pub(super) fn summarize(system: &mut NixosSystem, mut paths: Vec<String>) -> Result<Vec<u8>, Problem> {
    let failed = |why: String| {
        Problem::new(Code::InvalidManifest, "the NixOS system cannot be summarized")
            .at(&system.toplevel)
            .because(why)
    };
    paths.sort();
    let path = Path::new(&*system.toplevel);
    let (units, wants) = toplevel::units::units(path).map_err(|error| failed(error.to_string()))?;
    let fstab = toplevel::fstab(path).map_err(|error| failed(error.to_string()))?;
    let summary = serde_json::to_vec(&SystemSummary { paths, units, wants, fstab })
        .map_err(|error| failed(error.to_string()))?;
    system.summary = Some(SummaryFile { sha256: digest::of(&summary), size: summary.len() as u64 });
    Ok(summary)
}
