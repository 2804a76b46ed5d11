//! The files with the logins for package sources, which the links of `credentials` name.

use std::os::unix::fs::MetadataExt as _;

use nixfleet_contract::manifest::{Entry, Manifest};
use nixfleet_contract::plan::Warning;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::step::{PathStep, Step};
use nixfleet_contract::values::ManagedPath;

use crate::engine::plan::target::Target;
use crate::host::Host;

/// The links to these files have this directory, and a name that consists of the prefix, the name of the
/// source and the suffix.
const LINKS: (&str, &str, &str) = ("/etc/apt/auth.conf.d/", "nixfleet-", ".conf");

/// Returns a problem for each new link to a file that is missing, that belongs to another user, or that
/// others can read. A link that the host has already, and the target of a rollback, only get a warning:
/// otherwise, the mode of the file would prevent changes that have nothing to do with it.
#[must_use]
pub fn objections(host: &Host, target: &Target, steps: &[Step]) -> (Vec<Problem>, Vec<Warning>) {
    let is_written = |path: &ManagedPath| {
        steps.iter().any(|step| matches!(step, Step::Path(PathStep::WriteLink(step)) if step.path == *path))
    };
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    for (path, source, file) in credentials(&target.manifest) {
        let Some(objection) = objection(host, &target.manifest, source, file) else { continue };
        if target.number.is_none() && is_written(path) {
            problems.push(objection);
        } else {
            let Problem { what, why, help, .. } = objection;
            let what = format!("{what}: {}; {}", why.unwrap_or_default(), help.unwrap_or_default());
            warnings.push(Warning { subject: file.to_owned(), what });
        }
    }
    (problems, warnings)
}

/// Returns each link to a file with a login, with the name of its source and the path of the file.
fn credentials(manifest: &Manifest) -> impl Iterator<Item = (&ManagedPath, &str, &str)> {
    let (directory, prefix, suffix) = LINKS;
    manifest.entries.iter().filter_map(move |(path, entry)| {
        let name = path.strip_prefix(directory)?.strip_prefix(prefix)?.strip_suffix(suffix)?;
        let Entry::Link(link) = entry else { return None };
        Some((path, name, &*link.target))
    })
}

fn objection(host: &Host, manifest: &Manifest, source: &str, file: &str) -> Option<Problem> {
    let refused = |why: String, help: String| {
        let what = format!("the login for the package source {source} is not safe in {file}");
        let option = format!("nixfleet.apt.sources.\"{source}\".credentials");
        Some(Problem::new(Code::Packages, what).at(option).because(why).help(help))
    };
    let declared = manifest.entries.iter().find(|(path, _)| &***path == file).map(|(_, entry)| entry);
    if matches!(declared, Some(Entry::File(_))) {
        let why =
            "the fleet declares the file, so its content is in the Nix store, where all users can read it";
        let help = "remove the declaration of the file, and create the file on the host";
        return refused(why.to_owned(), help.to_owned());
    }
    let secure = format!("on the host: chown root: {file} && chmod 0600 {file}");
    let there = match host.path(file).metadata() {
        Ok(there) if there.is_file() => there,
        Ok(_) => return refused("it is not a file".to_owned(), format!("replace it; then {secure}")),
        Err(error) => return refused(error.to_string(), format!("create the file; then {secure}")),
    };
    // apt reads the file as root, before it becomes the user `_apt`.
    if there.uid() != rustix::process::geteuid().as_raw() {
        return refused(format!("the file belongs to the user with the id {}", there.uid()), secure);
    }
    let mode = there.mode() & 0o7777;
    if mode & 0o027 != 0 {
        return refused(format!("users other than root may use the file: its mode is {mode:04o}"), secure);
    }
    None
}
