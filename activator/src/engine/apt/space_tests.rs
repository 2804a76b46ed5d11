//! Tests of the space that a transaction needs.

#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;

const MIB: u64 = 1 << 20;

fn package(name: &str, change: &str, size: u64, installed: u64) -> Value {
    let offer = json!({
        "version": "2.0", "release": {}, "size": size, "installedSize": installed, "sha256": "aa",
    });
    let mut package = json!({
        "name": name, "architecture": "amd64", "change": change, "to": offer, "cause": "declared",
        "phase": "before",
    });
    match change {
        "install" => package["units"] = Value::Null,
        _ => package["from"] = "1.0".into(),
    }
    package
}

fn of(packages: &[Value]) -> BTreeMap<&'static str, Extent> {
    let packages: Vec<PackageChange> = serde_json::from_value(packages.into()).unwrap();
    let sizes = InstalledSizes::parse("old:amd64\t10240\nnew\t1\n");
    extents(&packages, &sizes, |package, _| package.name.plain() == "cached", 100 * MIB)
}

#[test]
fn a_new_package_needs_room_for_its_file_its_contents_and_its_records() {
    let found = of(&[package("app", "install", 5 * MIB, 64 * MIB)]);
    assert_eq!(found["/usr"], Extent { bytes: 64 * MIB, files: 4096 });
    assert_eq!(found[cache::CACHE], Extent { bytes: 5 * MIB, files: 1 });
    assert_eq!(found["/var/lib/dpkg"], Extent { bytes: RECORDS.0, files: RECORDS.1 });
    assert_eq!(found["/boot"], Extent::default());
    let cached = of(&[package("cached", "install", 5 * MIB, 64 * MIB)]);
    assert_eq!(cached[cache::CACHE], Extent::default());
}

#[test]
fn an_upgrade_needs_room_for_both_versions_of_one_package_at_a_time() {
    let grows = package("old", "upgrade", MIB, 12 * MIB);
    assert_eq!(of(std::slice::from_ref(&grows))["/usr"].bytes, 2 * MIB + 10 * MIB);
    let other = package("other", "upgrade", MIB, 4 * MIB);
    assert_eq!(of(&[grows, other])["/usr"].bytes, 2 * MIB + 10 * MIB);
}

#[test]
fn a_kernel_needs_room_in_boot_and_its_metapackage_none() {
    let found = of(&[
        package("linux-image-6.1.0-18-amd64", "install", MIB, MIB),
        package("linux-image-amd64", "install", MIB, MIB),
    ]);
    assert_eq!(found["/boot"], Extent { bytes: 100 * MIB, files: 4 });
    assert!(is_kernel("linux-image-unsigned-6.8.0-31-generic") && !is_kernel("linux-image-generic"));
}

fn on(device: u64, mount: &str, bytes: u64, files: u64) -> Filesystem {
    let counts_files = files > 0;
    Filesystem { device, mount: mount.into(), free: Extent { bytes, files }, counts_files }
}

#[test]
fn directories_on_one_filesystem_share_its_space() {
    let (root, var) = (on(1, "/", 10 * MIB, 100), on(2, "/var", 50 * MIB, 0));
    let needs = joined(
        [
            (root.clone(), Extent { bytes: 6 * MIB, files: 60 }),
            (var.clone(), Extent { bytes: 20 * MIB, files: 1 }),
            (var, Extent { bytes: 20 * MIB, files: 1 }),
            (root, Extent { bytes: 6 * MIB, files: 30 }),
            (on(3, "/boot", 0, 0), Extent::default()),
        ]
        .into_iter(),
    );
    let paths: Vec<_> = needs.iter().map(|need| (need.path.as_str(), need.bytes, need.free_files)).collect();
    assert_eq!(paths, [("/", 12 * MIB, Some(100)), ("/var", 40 * MIB, None)]);
    let problems: Vec<_> = objections(&needs).collect();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].what, "apt needs more space than / has");
    let why = problems[0].why.as_deref();
    assert_eq!(why, Some("the packages need 12 MiB, and 10 MiB are free; nothing was changed"));
}

#[test]
fn a_filesystem_without_inodes_is_refused_with_their_number() {
    let needs = joined([(on(1, "/", 10 * MIB, 5), Extent { bytes: MIB, files: 6 })].into_iter());
    let problem = objections(&needs).next().unwrap();
    assert_eq!(problem.what, "apt needs more inodes than / has");
    assert_eq!(problem.why.unwrap(), "the packages need 6 inodes, and 5 are free; nothing was changed");
}

#[test]
fn a_path_that_does_not_exist_is_on_the_filesystem_of_the_directory_above_it() {
    let root = filesystem(Path::new("/")).unwrap();
    assert_eq!(root.mount, Path::new("/"));
    let none = filesystem(Path::new("/usr/nonexistent/directory")).unwrap();
    assert_eq!(none.device, filesystem(Path::new("/usr")).unwrap().device);
}
