//! Which crates of this repository stand on which.

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::checkout;
use crate::command::Program;

/// What cargo says of a workspace, as far as it matters here.
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
    /// `dev` or `build`; nothing for what the product itself uses.
    kind: Option<String>,
}

/// The crates of the product, each with those that it uses, those first that use none.
///
/// # Errors
/// Cargo does not know the workspace.
pub fn picture() -> Result<String> {
    let manifest = checkout::path("Cargo.toml");
    let arguments =
        ["metadata", "--locked", "--offline", "--no-deps", "--format-version=1", "--manifest-path"];
    let said = Program::new("cargo").args(arguments).arg(manifest).run()?.success()?.stdout;
    let Workspace { packages } = serde_json::from_str(&said).context("Failed to understand cargo")?;
    // The others only test it.
    let is_ours = |name: &str| {
        name.starts_with("nixfleet") && !matches!(name, "nixfleet-lab" | "nixfleet-ledger" | "nixfleet-fuzz")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_of_the_crates_is_what_cargo_says() {
        let page = std::fs::read_to_string(checkout::path("docs/internals/architecture.md")).unwrap();
        let picture = picture().unwrap();
        assert!(
            page.contains(&format!("```text\n{picture}```\n")),
            "docs/internals/architecture.md lacks\n{picture}"
        );
    }
}
