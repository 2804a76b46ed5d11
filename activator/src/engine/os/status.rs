//! The operating system in the status of a host.

use std::fs;

use nixfleet_contract::os::record::OsRecord;
use nixfleet_contract::os::status::{OsStatus, PendingUpdates};
use nixfleet_contract::status::ToFinish;

use super::offers::UpdateQuestion;
use super::outdated::outdated;
use super::plan::InForce;
use super::{reboot_need, record};
use crate::engine::apt::planning::activator;
use crate::host::apt::dpkg::HostPackages;
use crate::host::{Host, boot, clock, nixos};

/// Reads the operating system of this machine; `None` for a directory. A part that cannot be read is missing:
/// the rest of the status is still of use. `to_finish`: the remaining task of a NixOS host.
#[must_use]
pub fn status(host: &Host, to_finish: Option<&ToFinish>) -> Option<OsStatus> {
    if !host.is_machine() {
        return None;
    }
    let packages = if nixos::is_nixos(host) { None } else { HostPackages::read().ok() };
    let record = record::read(host);
    Some(OsStatus {
        name: name(&fs::read_to_string(host.path("/etc/os-release")).unwrap_or_default()),
        kernel: reboot_need::running_kernel(host),
        boot_id: boot::id(host),
        uptime: clock::since_boot().as_secs(),
        reboot: reboot_need::reasons(host, packages.as_ref(), to_finish),
        outdated: outdated(host),
        pending: packages.and_then(|packages| pending(host, &packages, &record)),
        last_update: record.runs.into_iter().next(),
    })
}

/// Counts the updates that are offered, as far as the lists on the host tell. apt is asked only if the record
/// is outdated.
fn pending(host: &Host, packages: &HostPackages, record: &OsRecord) -> Option<PendingUpdates> {
    if let Some(counted) = record::counted(host, record) {
        return Some(counted);
    }
    let declared = InForce::read(host).ok()?.declared;
    let activator = activator();
    let offers = UpdateQuestion { host, packages, declared: &declared, activator: &activator }.ask().ok()?;
    Some(record::pending(&offers, record::refreshed(host, record)))
}

/// Returns the name of the distribution in the text of `os-release`.
fn name(os_release: &str) -> String {
    let value = |key: &str| {
        let line = os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        Some(line.trim_matches(['"', '\'']).to_owned())
    };
    value("PRETTY_NAME").or_else(|| value("NAME")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_distribution_is_the_one_for_people() {
        let text = "ID=debian\nNAME=\"Debian GNU/Linux\"\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n";
        assert_eq!(name(text), "Debian GNU/Linux 13 (trixie)");
        assert_eq!(name("NAME=NixOS\n"), "NixOS");
        assert_eq!(name(""), "");
    }
}
