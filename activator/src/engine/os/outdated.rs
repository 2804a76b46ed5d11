//! The units whose processes run code that was replaced on the disk.
//!
//! A process keeps the old version of a library or program until it is restarted. The kernel marks such a
//! mapping as deleted (`/proc/PID/maps`). Only mappings that are executed count, and only files in the
//! directories of programs: data of a process that it has deleted itself is nothing to restart for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use nixfleet_contract::os::status::OutdatedUnit;

use crate::host::Host;

/// The directories of programs and libraries. `/lib`, `/bin` and `/sbin` are links to those in `/usr` on most
/// hosts.
const PROGRAMS: [&str; 5] = ["/usr/", "/lib", "/bin/", "/sbin/", "/opt/"];

/// Returns the units with processes that run replaced code, sorted. A process that belongs to no unit is left
/// out, as are the processes inside of a container: its own unit on this host is named.
#[must_use]
pub fn outdated(host: &Host) -> Vec<OutdatedUnit> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for process in fs::read_dir(host.path("/proc")).into_iter().flatten().flatten() {
        let is_process = process.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit());
        if !is_process {
            continue;
        }
        // A process may end at any moment.
        let files = read(&process.path(), "maps").map(|maps| replaced(&maps)).unwrap_or_default();
        if files.is_empty() {
            continue;
        }
        if let Some(unit) = read(&process.path(), "cgroup").and_then(|cgroup| unit(&cgroup)) {
            found.entry(unit).or_default().extend(files);
        }
    }
    let named = |(unit, files): (String, BTreeSet<String>)| OutdatedUnit {
        unit,
        files: files.into_iter().take(OutdatedUnit::FILES).collect(),
    };
    found.into_iter().map(named).collect()
}

fn read(process: &Path, name: &str) -> Option<String> {
    Some(String::from_utf8_lossy(&fs::read(process.join(name)).ok()?).into_owned())
}

/// Returns the replaced files among the mappings of a process. A line has the addresses, the permissions, the
/// offset, the device and the inode, and then the path.
fn replaced(maps: &str) -> BTreeSet<String> {
    let file = |line: &str| {
        let line = line.strip_suffix(" (deleted)")?;
        let path = &line[line.find('/')?..];
        let is_executed = line.split(' ').nth(1)?.contains('x');
        let is_program = PROGRAMS.iter().any(|directory| path.starts_with(directory));
        (is_executed && is_program).then(|| path.to_owned())
    };
    maps.lines().filter_map(file).collect()
}

/// Returns the unit of a process: the outermost one in its control group. Everything in the session of a user
/// or in a container belongs to one unit of this host.
fn unit(cgroup: &str) -> Option<String> {
    let path = |line: &str| -> Option<String> {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        matches!(controllers, "" | "name=systemd").then(|| path.to_owned())
    };
    let path = cgroup.lines().filter_map(path).find(|path| path != "/")?;
    // LXC does not put its containers into a unit.
    if path.starts_with("/lxc") {
        return None;
    }
    let is_unit = |part: &&str| matches!(part.rsplit_once('.'), Some((_, "service" | "scope")));
    path.split('/').find(is_unit).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const LIBRARY: &str = "7f1-7f2 r-xp 00001000 fe:01 77 /usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)\n";

    #[test]
    fn replaced_code_is_found_and_deleted_data_is_not() {
        let maps = format!(
            "{LIBRARY}\
             55a-55b r-xp 00000000 fe:01 12 /usr/sbin/app server (deleted)\n\
             55a-55b r-xp 00000000 fe:01 12 /usr/sbin/kept\n\
             7f1-7f2 r--p 00000000 fe:01 78 /usr/lib/locale/locale-archive (deleted)\n\
             7f1-7f2 rwxs 00000000 00:01 79 /memfd:jit (deleted)\n\
             7f1-7f2 rwxs 00000000 00:01 80 /dev/zero (deleted)\n\
             7f1-7f2 r-xp 00000000 00:01 81 /SYSV00000000 (deleted)\n\
             7f1-7f2 r-xp 00000000 00:01 82 /tmp/plugin.so (deleted)\n\
             7f1-7f2 r-xp 00000000 00:01 83 /run/x.so (deleted)\n\
             7f1-7f2 rw-s 00000000 00:01 84 /[aio] (deleted)\n\
             7ff-7fg rw-p 00000000 00:00 0 [stack]\n"
        );
        let found: Vec<String> = replaced(&maps).into_iter().collect();
        assert_eq!(found, ["/usr/lib/x86_64-linux-gnu/libssl.so.3", "/usr/sbin/app server"]);
    }

    #[test]
    fn a_process_belongs_to_its_outermost_unit() {
        for (cgroup, found) in [
            ("0::/system.slice/app.service\n", Some("app.service")),
            ("0::/system.slice/system-getty.slice/getty@tty1.service\n", Some("getty@tty1.service")),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice/a.service\n",
                Some("user@1000.service"),
            ),
            ("0::/user.slice/user-0.slice/session-3.scope\n", Some("session-3.scope")),
            (
                "0::/machine.slice/systemd-nspawn@x.service/payload/system.slice/a.service\n",
                Some("systemd-nspawn@x.service"),
            ),
            ("12:cpu:/\n1:name=systemd:/system.slice/docker-12ab.scope\n", Some("docker-12ab.scope")),
            ("0::/lxc.payload.x/system.slice/a.service\n", None),
            ("0::/init.scope\n", Some("init.scope")),
            ("0::/\n", None),
        ] {
            assert_eq!(unit(cgroup).as_deref(), found, "{cgroup}");
        }
    }

    #[test]
    fn each_unit_is_named_once_with_some_of_its_files() {
        let directory = TempDir::new().unwrap();
        let process = |id: &str, maps: &str, cgroup: &str| {
            let path = directory.path().join("proc").join(id);
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join("maps"), maps).unwrap();
            fs::write(path.join("cgroup"), cgroup).unwrap();
        };
        let many: String = (0..9).map(|number| LIBRARY.replace("libssl", &format!("lib{number}"))).collect();
        process("7", LIBRARY, "0::/system.slice/app.service\n");
        process("8", &many, "0::/system.slice/app.service\n");
        process("9", "", "0::/system.slice/other.service\n");
        process("self", LIBRARY, "0::/system.slice/me.service\n");
        let found = outdated(&Host::open(directory.path()).unwrap());
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].unit.as_str(), found[0].files.len()), ("app.service", OutdatedUnit::FILES));
    }
}
