//! The files of an update. They stay on the host until another update is downloaded, so all hosts of a
//! rollout install the same files, even if the package sources have moved on by then.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use nixfleet_contract::apt::plan::AptPhase;
use nixfleet_contract::os::update::UpdatePlan;
use nixfleet_contract::problem::{Code, Problem};
use rustix::fs::{CWD, RenameFlags};

use super::plan::{InForce, check_base};
use crate::engine::apt::plan::fingerprint;
use crate::engine::apt::planning::activator;
use crate::engine::apt::waiting::wait_for_locks;
use crate::host::apt::cache;
use crate::host::apt::transaction::AptCall;
use crate::host::disk::{self, Opening, Writer};
use crate::host::lock::{self, Lock};
use crate::host::record::read_limited;
use crate::host::{Host, client, host_file};

/// The directory of updates. Each has a directory of its own, which is named after its fingerprint.
const DIRECTORY: &str = "/var/cache/nixfleet-apt/os-update";
/// The plan in the directory of an update. It is written last, so it tells that all files are there.
const PLAN: &str = "plan.json";

/// An update whose files are on the host.
#[derive(Clone, Debug)]
pub struct ReadyUpdate {
    /// The plan.
    pub plan: UpdatePlan,
    /// The files of the packages, in the order of the plan.
    pub files: Vec<String>,
}

/// Downloads the files of a plan, and keeps them. Ends at once, together with apt, if nobody waits for the
/// answer any more. Does nothing if the files are there already.
///
/// # Errors
/// Fails with [`Code::BadAnswer`] if the plan was changed on its way, with [`Code::Locked`] if a run or
/// another program works on the host, or with [`Code::Packages`] if a file cannot be downloaded.
pub fn download(host: &Host, plan: &UpdatePlan) -> Result<(), Problem> {
    check_base(host)?;
    let apt = &plan.apt;
    if fingerprint((&apt.repairs, &apt.packages), &apt.marks, &apt.answers)? != apt.fingerprint {
        return Err(Problem::new(Code::BadAnswer, "the plan of the update does not have its fingerprint")
            .help("run `nixfleet os-update` again"));
    }
    if let Some(problem) = Lock::objection(host) {
        return Err(problem);
    }
    if ready(host, &apt.fingerprint).is_ok() {
        return Ok(());
    }
    wait_for_locks(&InForce::read(host)?.declared, None)?;
    let program = activator();
    if apt.in_phase(AptPhase::Before).next().is_some() {
        AptCall { activator: &program, options: &[] }.download(apt, &client::has_left)?;
    }
    let _lock = Lock::take(host, &lock::this_process("root@localhost", "os-download"))?;
    keep(host, plan, Path::new(cache::CACHE))?;
    remove_others(host, &apt.fingerprint);
    Ok(())
}

/// Returns the update with a fingerprint, if all its files are on the host.
///
/// # Errors
/// Fails with [`Code::PlanOutdated`] if the host does not have the update, or lacks one of its files.
pub fn ready(host: &Host, fingerprint: &str) -> Result<ReadyUpdate, Problem> {
    let lacks = |why: String| {
        Problem::new(Code::PlanOutdated, "the host does not have the files of the update")
            .at(format!("{DIRECTORY}/{fingerprint}"))
            .because(why)
            .help("run `nixfleet os-update` again, which plans and downloads the update again")
    };
    let is_name = !fingerprint.is_empty() && fingerprint.bytes().all(|b| b.is_ascii_alphanumeric());
    if !is_name {
        return Err(lacks("this is not the fingerprint of an update".to_owned()));
    }
    let directory = directory(host, fingerprint);
    let bytes = read_limited(&directory.join(PLAN)).map_err(|error| lacks(error.to_string()))?;
    let bytes = bytes.ok_or_else(|| lacks("it was never downloaded, or another update was".to_owned()))?;
    let plan: UpdatePlan = serde_json::from_slice(&bytes).map_err(|error| lacks(error.to_string()))?;
    let mut files = Vec::new();
    for package in plan.apt.in_phase(AptPhase::Before) {
        let Some(offer) = package.change.to() else { continue };
        let file = cache::find_in(&directory, package, offer);
        let file =
            file.ok_or_else(|| lacks(format!("the file of {} is missing or damaged", package.name)))?;
        files.push(file.to_string_lossy().into_owned());
    }
    Ok(ReadyUpdate { plan, files })
}

fn directory(host: &Host, fingerprint: &str) -> PathBuf {
    host.path(DIRECTORY).join(fingerprint)
}

/// Keeps the files of a plan beside the plan. `from`: the directory with the files.
fn keep(host: &Host, plan: &UpdatePlan, from: &Path) -> Result<(), Problem> {
    let directory = directory(host, &plan.apt.fingerprint);
    let failed = |error: io::Error| host_file("keep the files of an update in", &directory, &error);
    // apt downloads as another user, who has to reach the directory above.
    let above = host.path(DIRECTORY);
    let above = above.parent().unwrap_or(&above);
    disk::make_directories(above, 0o755).map_err(failed)?;
    disk::make_directories(&directory, 0o700).map_err(failed)?;
    for package in plan.apt.in_phase(AptPhase::Before) {
        let Some(offer) = package.change.to() else { continue };
        if cache::find_in(&directory, package, offer).is_some() {
            continue;
        }
        let Some(file) = cache::find_in(from, package, offer) else {
            return Err(Problem::new(Code::Packages, "apt did not keep a file that it has downloaded")
                .at(from.display())
                .because(format!("the file of {} is not there, or is another one", package.name))
                .help(
                    "check whether a hook of apt removes downloaded files (`apt-config dump | grep Invoke`)",
                ));
        };
        let name = file.file_name().unwrap_or_default();
        place(&file, &directory.join(name)).map_err(failed)?;
    }
    write(&directory, plan).map_err(failed)
}

/// Links a file, or copies it to another filesystem.
fn place(from: &Path, to: &Path) -> io::Result<()> {
    let _ = disk::unlink(CWD, to);
    if disk::link(CWD, &from.to_string_lossy(), CWD, &to.to_string_lossy()).is_ok() {
        return Ok(());
    }
    let file = disk::open(CWD, to, Opening::Emptied)?;
    io::copy(&mut fs::File::open(from)?, &mut Writer(&file))?;
    Ok(disk::sync(&file)?)
}

fn write(directory: &Path, plan: &UpdatePlan) -> io::Result<()> {
    let temporary = directory.join("plan.new");
    let file = disk::open(CWD, &temporary, Opening::Emptied)?;
    Writer(&file).write_all(&serde_json::to_vec(plan)?)?;
    disk::sync(&file)?;
    disk::rename(CWD, &temporary, CWD, directory.join(PLAN), RenameFlags::empty())?;
    disk::sync_directory(directory)
}

/// Removes the files of other updates. Files that cannot be removed only need space.
fn remove_others(host: &Host, fingerprint: &str) {
    for other in fs::read_dir(host.path(DIRECTORY)).into_iter().flatten().flatten() {
        if other.file_name() != fingerprint {
            let _ = disk::remove_tree(&other.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::os::update::UpdateScope;
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;
    use crate::digest;

    fn plan(version: &str) -> UpdatePlan {
        let packages = json!([{
            "name": "app", "architecture": "amd64", "change": "upgrade", "from": "0.9",
            "to": {
                "version": version, "release": {}, "size": 3, "installedSize": 1,
                "sha256": digest::of("app"),
            },
            "cause": "update", "phase": "before",
        }]);
        let mut plan = UpdatePlan::nothing("web-1".to_owned(), UpdateScope::Full, 7);
        plan.apt.packages = serde_json::from_value(packages).unwrap();
        plan.apt.fingerprint = fingerprint((&[], &plan.apt.packages), &[], &[]).unwrap();
        plan
    }

    #[test]
    fn an_update_is_ready_as_long_as_all_its_files_are_as_planned() {
        let root = TempDir::new().unwrap();
        let host = Host::open(root.path()).unwrap();
        let cache = TempDir::new().unwrap();
        fs::write(cache.path().join("app_1.0_all.deb"), "app").unwrap();
        let (plan, later) = (plan("1.0"), plan("2.0"));
        let name = &plan.apt.fingerprint;
        assert!(keep(&host, &later, cache.path()).is_err());
        keep(&host, &plan, cache.path()).unwrap();
        keep(&host, &plan, cache.path()).unwrap();
        fs::remove_dir_all(cache.path()).unwrap();

        let ready_update = ready(&host, name).unwrap();
        assert_eq!(ready_update.plan, plan);
        assert_eq!(ready_update.files.len(), 1);
        for unknown in ["", "../x", &later.apt.fingerprint] {
            assert_eq!(ready(&host, unknown).unwrap_err().code, Code::PlanOutdated, "{unknown}");
        }
        remove_others(&host, name);
        assert!(ready(&host, name).is_ok() && !directory(&host, &later.apt.fingerprint).exists());
        fs::write(&ready_update.files[0], "bad").unwrap();
        let why = ready(&host, name).unwrap_err().why.unwrap();
        assert_eq!(why, "the file of app is missing or damaged");
    }
}
