//! Tests that a single module makes all changes to a host, so that the fault injection covers them, and that
//! a single module reads the wall clock.

use std::path::Path;

/// Library functions that change files.
const CHANGES: [&str; 43] = [
    "renameat",
    "fs::rename",
    "linkat(",
    "hard_link",
    "mkdirat",
    "fs::create_dir",
    "DirBuilder",
    "fs::remove_",
    "fchmod",
    "chmodat",
    "fchown",
    "chownat",
    "lchown",
    "set_permissions",
    "utimensat",
    "futimens",
    "set_times",
    "set_modified",
    "setxattr",
    "removexattr",
    "fsync",
    "syncfs",
    "fdatasync",
    "sync_all",
    "sync_data",
    "ftruncate",
    "set_len",
    "fallocate",
    "fs::write",
    "fs::copy",
    "File::create",
    "OpenOptions",
    "OFlags::CREATE",
    "OFlags::WRONLY",
    "OFlags::RDWR",
    "OFlags::TRUNC",
    "OFlags::APPEND",
    "mknodat",
    "copy_file_range",
    "sendfile",
    "unix::fs::symlink",
    "fs::chown",
    "NamedTempFile",
];

/// Modules that may call functions that change files: `disk` itself, code for tests, and the builder, which
/// never changes a host.
const ALLOWED: [&str; 3] = ["host/disk.rs", "host/injection.rs", "build/mod.rs"];

#[test]
fn every_change_of_a_host_goes_through_one_module() {
    let found = found(&CHANGES, &ALLOWED);
    assert_eq!(found, [] as [String; 0], "call it through host::disk, where tests can stop a run");
}

#[test]
fn the_clock_on_the_wall_is_read_in_one_place() {
    let found = found(&["SystemTime::now", "clock_gettime"], &["host/clock.rs"]);
    assert_eq!(found, [] as [String; 0], "ask host::clock, which tests can make jump");
}

fn found(words: &[&str], allowed: &[&str]) -> Vec<String> {
    let sources = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let mut found = Vec::new();
    search(sources, sources, (words, allowed), &mut found);
    found
}

fn search(root: &Path, directory: &Path, (words, allowed): (&[&str], &[&str]), found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            search(root, &path, (words, allowed), found);
        } else if !allowed.contains(&name.as_str()) {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
            for (number, line) in code.lines().enumerate().filter(|(_, line)| !line.trim().starts_with("//"))
            {
                let bare = line.replace("readlinkat(", "");
                if let Some(change) = words.iter().find(|change| bare.contains(**change)) {
                    found.push(format!("{name}:{}: {change}", number + 1));
                }
            }
        }
    }
}
