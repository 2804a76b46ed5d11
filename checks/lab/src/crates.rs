//! The dependencies between the crates of this repository, and between the folders of a crate.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::checkout;
use crate::command::Program;
use crate::uses;

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

/// The folders of the four crates of the product, and the names by which Rust knows the crates. A crate comes
/// after the crates that it uses.
pub const CRATES: [(&str, &str); 4] = [
    ("contract", "nixfleet_contract"),
    ("activator", "nixfleet_activate"),
    ("operator", "nixfleet_operator"),
    ("cli", "nixfleet"),
];

/// Returns the folders and files directly below `src` of a crate, each with the others that it uses. A folder
/// or file uses only lines above its own. `lib.rs` and `main.rs` are left out, because they only list the
/// others or start them. `name`: the name by which Rust knows the crate, which a program uses to refer to its
/// library.
///
/// # Errors
/// The folders depend on each other in a cycle, or cannot be read.
pub fn folders(folder: &str, name: &str) -> Result<String> {
    let top = checkout::path(folder).join("src");
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in sources(&top)? {
        let module = module(file.strip_prefix(&top)?);
        let Some(own) = module.first().cloned() else { continue };
        let text = fs::read_to_string(&file).with_context(|| format!("Failed to read {}", file.display()))?;
        let used = graph.entry(own.clone()).or_default();
        used.extend(uses::roots(&text, &module, name).into_iter().filter(|used| *used != own));
    }
    let all: BTreeSet<String> = graph.keys().cloned().collect();
    for used in graph.values_mut() {
        used.retain(|name| all.contains(name));
    }
    ordered(&graph).with_context(|| format!("The folders of {folder}/ cannot be ordered"))
}

/// Returns the lines of a graph in an order in which each line uses only lines above its own.
fn ordered(graph: &BTreeMap<String, BTreeSet<String>>) -> Result<String> {
    let mut lines = String::new();
    let mut done: BTreeSet<String> = BTreeSet::new();
    while done.len() < graph.len() {
        let next: Vec<_> =
            graph.iter().filter(|(name, used)| !done.contains(*name) && used.is_subset(&done)).collect();
        let left: Vec<&String> = graph.keys().filter(|name| !done.contains(*name)).collect();
        ensure!(!next.is_empty(), "there is a cycle among {left:?}");
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

/// Returns the path of the module in a file below `src`. A file `x_tests.rs` is the module `tests` of `x`.
fn module(file: &Path) -> Vec<String> {
    let mut module: Vec<String> = file.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let stem = module.pop().and_then(|last| last.strip_suffix(".rs").map(str::to_owned)).unwrap_or_default();
    match stem.strip_suffix("_tests") {
        Some(tested) => module.extend([tested.to_owned(), "tests".to_owned()]),
        None if stem == "mod" => {}
        None => module.push(stem),
    }
    module
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
        for (folder, name) in CRATES {
            let picture = folders(folder, name).unwrap();
            assert!(
                page.contains(&format!("### The folders of `{folder}/`\n"))
                    && page.contains(&format!("```text\n{picture}```\n")),
                "docs/internals/architecture.md lacks\n{picture}"
            );
        }
    }

    #[test]
    fn a_cycle_is_found() {
        let uses = |from: &str, to: &[&str]| (from.to_owned(), to.iter().map(ToString::to_string).collect());
        assert_eq!(ordered(&BTreeMap::from([uses("a", &["b"]), uses("b", &[])])).unwrap(), "b\na → b\n");
        let cycle = BTreeMap::from([uses("a", &["b"]), uses("b", &["a"]), uses("c", &[])]);
        assert!(ordered(&cycle).unwrap_err().to_string().contains(r#"["a", "b"]"#));
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
