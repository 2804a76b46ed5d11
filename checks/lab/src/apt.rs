//! The Debian archive that this machine's own apt uses.

use anyhow::{Context, Result};

use crate::command::Program;

/// Returns the URL of the Debian archive in this machine's own apt sources.
///
/// # Errors
/// apt cannot be run, or has no Debian archive among its sources.
pub fn archive() -> Result<String> {
    let fields = "$(ORIGIN)\t$(COMPONENT)\t$(CODENAME)\t$(REPO_URI)";
    let targets = Program::new("apt-get")
        .args(["indextargets", "--format", fields, "Created-By: Packages"])
        .run()?
        .success()?;
    let archive = targets.stdout.lines().find_map(|line| {
        let mut columns = line.split('\t');
        match (columns.next()?, columns.next()?, columns.next()?, columns.next()?) {
            // Accepts a release such as `trixie`, but not `trixie-updates` or `trixie-security`, which do not
            // have all packages.
            ("Debian", "main", codename, uri) if !codename.contains('-') => Some(uri.to_owned()),
            _ => None,
        }
    });
    archive.context(
        "This machine's apt knows no Debian archive with component `main`: \
         the lab's hosts are made from its packages. Add one to /etc/apt and run `apt-get update`",
    )
}
