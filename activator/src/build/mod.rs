//! Builds host closures. The derivation of a closure runs `nixfleet-activate build` as its builder.
//!
//! - [`parse`][]: the parser of an [`Intent`]
//! - [`mod@compile`]: the compiler from an [`Intent`] to a [`Manifest`]
//! - `handling`: how systemd allows a unit to be started, stopped and reloaded
//! - [`install`][]: the links that enable a unit

mod apt;
pub mod compile;
mod entries;
mod handling;
mod health;
pub mod install;
mod nixos;
mod openpgp;
pub mod parse;
mod unit_states;
mod units;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nixfleet_contract::intent::Intent;
use nixfleet_contract::manifest::Manifest;
use nixfleet_contract::nixos::SUMMARY;
use nixfleet_contract::problem::{Code, Problem};
use serde::Deserialize;
use serde_json::Value;

use crate::build::compile::{Closure, compile};

/// The attributes of the derivation that the builder needs. Nix passes more attributes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    intent: Value,
    /// The store paths in the closure of the NixOS system; empty if the intent has no system.
    #[serde(default)]
    system_closure: Vec<ClosurePath>,
    outputs: BTreeMap<String, PathBuf>,
}

/// A store path in a closure, as `exportReferencesGraph` of Nix describes it. Nix writes more fields.
#[derive(Deserialize)]
struct ClosurePath {
    path: String,
}

/// Builds the closure that a `.attrs.json` file describes.
///
/// # Errors
/// Fails with every mistake in the intent. If the intent has no mistake, fails with the first other error.
pub fn run(attributes: &Path) -> Result<(), Vec<Problem>> {
    let bytes = fs::read(attributes).map_err(|error| vec![cannot("read", attributes, &error)])?;
    let attributes: Attributes = serde_json::from_slice(&bytes).map_err(|error| {
        vec![
            Problem::new(Code::InvalidManifest, "the attributes of the derivation are not valid")
                .at(attributes.display())
                .because(error),
        ]
    })?;
    let intent = parse::intent(attributes.intent)?;
    let mut closure = compile(&intent)?;
    let system = closure.manifest.nixos.as_mut();
    let paths = attributes.system_closure.into_iter().map(|path| path.path).collect();
    let summary =
        system.map(|system| nixos::summarize(system, paths)).transpose().map_err(|problem| vec![problem])?;
    let Some(out) = attributes.outputs.get("out") else {
        return Err(vec![Problem::new(Code::InvalidManifest, "the derivation has no output `out`")]);
    };
    write(out, &intent, &closure, summary.as_deref()).map_err(|problem| vec![problem])
}

/// Checks an intent, the attributes of a derivation, or a manifest, without building anything.
///
/// # Errors
/// Fails with every mistake in an intent, or with the first mistake in a manifest.
pub fn check(file: &Path) -> Result<(), Vec<Problem>> {
    let bytes = fs::read(file).map_err(|error| vec![cannot("read", file, &error)])?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
        vec![
            Problem::new(Code::InvalidManifest, "the file is not valid JSON")
                .at(file.display())
                .because(error),
        ]
    })?;
    if value.get("entries").is_some() {
        return Manifest::parse(&bytes).map(drop).map_err(|problem| vec![problem.at(file.display())]);
    }
    let intent = match value {
        Value::Object(mut attributes) if attributes.contains_key("intent") => {
            attributes.remove("intent").unwrap_or_default()
        }
        intent => intent,
    };
    compile(&parse::intent(intent)?).map(drop)
}

/// Writes a closure: the manifest, the inline contents (named by digest), the summary of the NixOS system,
/// and links to the package profile, to the activator and to the NixOS system.
#[expect(clippy::disallowed_methods, reason = "this writes a derivation's output, not a host")]
fn write(out: &Path, intent: &Intent, closure: &Closure<'_>, summary: Option<&[u8]>) -> Result<(), Problem> {
    let files = out.join("files");
    fs::create_dir_all(&files).map_err(|error| cannot("create", &files, &error))?;
    for (digest, text) in &closure.texts {
        let file = files.join(digest);
        fs::write(&file, text).map_err(|error| cannot("write", &file, &error))?;
    }
    let manifest = out.join("manifest.json");
    let mut json = serde_json::to_vec(&closure.manifest).map_err(|error| {
        Problem::new(Code::InvalidManifest, "the manifest cannot be encoded as JSON").because(error)
    })?;
    json.push(b'\n');
    fs::write(&manifest, json).map_err(|error| cannot("write", &manifest, &error))?;
    if let Some(summary) = summary {
        let file = out.join(SUMMARY);
        fs::write(&file, summary).map_err(|error| cannot("write", &file, &error))?;
    }
    let links = [
        ("sw", intent.profile.as_ref()),
        ("activate", Some(&intent.activator)),
        ("system", intent.nixos.as_ref().map(|nixos| &nixos.toplevel)),
    ];
    for (name, target) in links {
        if let Some(target) = target {
            let link = out.join(name);
            symlink(target, &link).map_err(|error| cannot("link", &link, &error))?;
        }
    }
    Ok(())
}

fn cannot(verb: &str, path: &Path, error: &std::io::Error) -> Problem {
    Problem::new(Code::InvalidManifest, format!("failed to {verb} {}", path.display())).because(error)
}
