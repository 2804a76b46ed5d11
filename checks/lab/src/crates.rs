//! The dependencies between the crates of this repository, and between the modules of a crate.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::checkout;
use crate::command::Program;

/// The part of the output of `cargo metadata` that is used here.
#[derive(Deserialize)]
struct Workspace {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// The kind of the dependency: `dev`, `build`, or nothing for a dependency that the product itself uses.
    kind: Option<String>,
}

/// Returns the crates of the product, each with the crates that it uses. Crates with fewer dependencies come
/// first.
///
/// # Errors
/// cargo cannot read the workspace.
pub fn picture() -> Result<String> {
    let manifest = checkout::path("Cargo.toml");
    let arguments =
        ["metadata", "--locked", "--offline", "--no-deps", "--format-version=1", "--manifest-path"];
    let said = Program::new("cargo").args(arguments).arg(manifest).run()?.success()?.stdout;
    let Workspace { packages } = serde_json::from_str(&said).context("Failed to understand cargo")?;
    // These three crates are left out, because they only test the product.
    let is_ours = |name: &str| {
        name.starts_with("nixfleet")
            && !matches!(name, "nixfleet-fuzz-targets" | "nixfleet-lab" | "nixfleet-ledger")
    };
    let mut lines: Vec<(usize, String)> = packages
        .into_iter()
        .filter(|package| is_ours(&package.name))
        .map(|Package { name, dependencies }| {
            let used = dependencies.into_iter().filter(|used| used.kind.is_none() && is_ours(&used.name));
            let mut used: Vec<String> = used.map(|used| used.name).filter(|used| *used != name).collect();
            used.sort();
            let arrow = if used.is_empty() { "" } else { " → " };
            (used.len(), format!("{name}{arrow}{}", used.join(", ")))
        })
        .collect();
    lines.sort();
    Ok(lines.into_iter().map(|(_, line)| line + "\n").collect())
}

/// Returns the top-level modules of a crate, each with the modules that it uses. A module uses only modules
/// that are listed above it.
///
/// # Errors
/// The modules depend on each other in a cycle, or cannot be read.
pub fn folders(name: &str) -> Result<String> {
    let top = checkout::path(name).join("src");
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in sources(&top)? {
        let Some(folder) =
            file.strip_prefix(&top)?.iter().next().and_then(|first| Path::new(first).file_stem())
        else {
            continue;
        };
        let folder = folder.to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).with_context(|| format!("Failed to read {}", file.display()))?;
        let named = text.split("crate::").skip(1).map(|rest| {
            rest.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
                .next()
                .unwrap_or_default()
        });
        let used = graph.entry(folder.clone()).or_default();
        used.extend(named.filter(|used| *used != folder).map(str::to_owned));
    }
    let all: BTreeSet<String> = graph.keys().cloned().collect();
    for used in graph.values_mut() {
        used.retain(|name| all.contains(name));
    }
    let mut lines = String::new();
    let mut done: BTreeSet<String> = BTreeSet::new();
    while done.len() < all.len() {
        let next: Vec<_> =
            graph.iter().filter(|(name, used)| !done.contains(*name) && used.is_subset(&done)).collect();
        ensure!(!next.is_empty(), "{name}: a cycle among {:?}", all.difference(&done).collect::<Vec<_>>());
        for (folder, used) in &next {
            let arrow = if used.is_empty() { "" } else { " → " };
            let used: Vec<&str> = used.iter().map(String::as_str).collect();
            writeln!(lines, "{folder}{arrow}{}", used.join(", "))?;
        }
        let next: Vec<String> = next.into_iter().map(|(folder, _)| folder.clone()).collect();
        done.extend(next);
    }
    Ok(lines)
}

/// Returns the Rust files below a directory, except `src/lib.rs` and `src/main.rs`.
fn sources(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries =
        fs::read_dir(directory).with_context(|| format!("Failed to read {}", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with("src/lib.rs")
            && !path.ends_with("src/main.rs")
        {
            files.push(path);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_folders_use_each_other_in_a_cycle() {
        let page = fs::read_to_string(checkout::path("docs/internals/architecture.md")).unwrap();
        for name in ["contract", "operator"] {
            let picture = folders(name).unwrap();
            assert!(
                page.contains(&format!("```text\n{picture}```\n")),
                "docs/internals/architecture.md lacks\n{picture}"
            );
        }
        for name in ["activator", "cli"] {
            folders(name).unwrap();
        }
    }

    #[test]
    fn the_picture_of_the_crates_is_what_cargo_says() {
        let page = fs::read_to_string(checkout::path("docs/internals/architecture.md")).unwrap();
        let picture = picture().unwrap();
        assert!(
            page.contains(&format!("```text\n{picture}```\n")),
            "docs/internals/architecture.md lacks\n{picture}"
        );
    }
}
