//! Describes a NixOS system that another tool made, so that a host can return to it.

use std::collections::BTreeMap;
use std::path::Path;

use nixfleet_contract::SCHEMA;
use nixfleet_contract::manifest::Manifest;
use nixfleet_contract::nixos::{DeclaredParts, NixosSystem, SystemAccounts};
use nixfleet_contract::values::Invalid;

use crate::toplevel;

/// Returns the manifest of a NixOS system that is not part of a host closure. The host name in the manifest
/// is the name in `etc/hostname` of the system.
///
/// # Errors
/// A part of the system cannot be read. The error describes the reason.
pub fn manifest(system: &Path) -> Result<Manifest, String> {
    let part = |name: &str| toplevel::text(&system.join(name)).map(|text| text.trim().to_owned());
    let failed = |error: std::io::Error| error.to_string();
    let path = system.to_str().ok_or("its path is not text")?;
    Ok(Manifest {
        schema: SCHEMA,
        host: part("etc/hostname").unwrap_or_default(),
        base: "nixos".to_owned(),
        system: part("system").unwrap_or_default(),
        packages: Vec::new(),
        groups: Vec::new(),
        users: Vec::new(),
        entries: BTreeMap::new(),
        units: BTreeMap::new(),
        unit_states: BTreeMap::new(),
        apt: None,
        health_checks: Vec::new(),
        max_file_size: None,
        nixos: Some(NixosSystem {
            toplevel: path.parse().map_err(|invalid: Invalid| invalid.to_string())?,
            // A system does not say which boot loader the host has. Without this information, a plan cannot
            // boot the system once, so the plan makes the system the boot default.
            loader: None,
            boot: toplevel::boot_parts(system).map_err(failed)?,
            inhibitors: toplevel::inhibitors(system).map_err(failed)?,
            activation_timeout: None,
            accounts: SystemAccounts::default(),
            declared: DeclaredParts::default(),
            summary: None,
        }),
    })
}
