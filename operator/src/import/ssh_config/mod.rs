//! Imports the hosts of an SSH client's configuration: the names of `Host` entries that are no patterns.
//!
//! No library fits. `ssh -G` gives the settings of one name exactly, but runs the commands of `Match exec`,
//! and does not tell defaults from values in the file. The crates for this format return the settings of a
//! name, but neither the names themselves nor the places of wrong lines, and most do not read `Include` or
//! `Match`. The words of a line are split by `shlex`.

mod include;
mod line;
mod pattern;
mod reader;
mod settings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nixfleet_contract::problem::{Code, Problem};

use super::draft::Draft;
use super::found::{Found, FoundHost, Tool};
use super::note::{Note, NoteKind};
use reader::Reader;
use settings::{Block, Settings};

/// The addresses of public Git servers.
const FORGES: [&str; 9] = [
    "bitbucket.org",
    "codeberg.org",
    "git.sr.ht",
    "gitea.com",
    "gitee.com",
    "github.com",
    "gitlab.com",
    "ssh.dev.azure.com",
    "ssh.github.com",
];

/// Imports a configuration. Without a path, imports the configuration of the current user.
///
/// # Errors
/// The file cannot be read or is wrong, or it has no host that can be imported.
pub fn import(file: Option<&Path>) -> Result<Draft, Problem> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let file = match (file, &home) {
        (Some(file), _) => file.to_owned(),
        (None, Some(home)) => home.join(".ssh/config"),
        (None, None) => {
            return Err(Problem::new(Code::Import, "the file ~/.ssh/config cannot be found")
                .because("the environment variable HOME is not set")
                .help("name the file: nixfleet import ssh-config FILE"));
        }
    };
    let mut reader = Reader::with_files(&file, home);
    reader.file(&file)?;
    let mut found = Found::new(Tool::SshConfig, file.to_string_lossy());
    found.notes.append(&mut reader.notes);
    Draft::of(finished(&reader.blocks, found))
}

/// Parses a configuration without the files that it includes. `file` is its name in messages.
///
/// # Errors
/// The text is wrong, or it has no host that can be imported.
pub fn parse(text: &str, file: &str) -> Result<Draft, Problem> {
    let mut reader = Reader::without_files();
    reader.text(text, file)?;
    let mut found = Found::new(Tool::SshConfig, file);
    found.notes.append(&mut reader.notes);
    Draft::of(finished(&reader.blocks, found))
}

/// Determines the settings of each host.
fn finished(blocks: &[Block], mut found: Found) -> Found {
    let mut places: BTreeMap<(String, u16), String> = BTreeMap::new();
    for name in settings::names(blocks) {
        let settings = Settings::of(&name, blocks);
        let mut host = host(&name, &settings, blocks);
        let port = host.port.unwrap_or(22);
        let addr = settings.host_name(&name);
        if host.refused.is_none() {
            let first = places.entry((addr, port)).or_insert_with(|| name.clone());
            if *first != name {
                host.refused = Some(format!("it is another name of {first}"));
            }
        }
        found.hosts.push(host);
    }
    found
}

fn host(name: &str, settings: &Settings, blocks: &[Block]) -> FoundHost {
    let mut host = FoundHost::named(name);
    host.user = settings.value("user").map(str::to_owned);
    let addr = settings.host_name(name);
    if host.user.as_deref() == Some("git") || FORGES.contains(&&*addr) {
        host.refused = Some("it is a Git server".to_owned());
    }
    match settings.setting("port").map(|setting| (setting, setting.value.parse::<u16>())) {
        Some((_, Ok(port))) if port > 0 => host.port = Some(port),
        Some((setting, _)) => {
            let text = format!("the port {} was not understood: set ssh.port", setting.value);
            host.notes.push(Note::new(NoteKind::Check, text).at(&setting.place));
        }
        None => {}
    }
    // If ssh would reach the address in the same way without this entry, the inventory has the address
    // itself, and does not depend on the configuration of the user.
    let own = settings.of_the_way();
    if addr == name || own == Settings::of(&addr, blocks).of_the_way() {
        host.addr = Some(addr);
    } else {
        let list: Vec<String> = own.iter().map(|(keyword, value)| format!("{keyword} {value}")).collect();
        let text = format!(
            "addr is the name of the Host entry, so that ssh applies its settings (HostName {addr}, {})",
            list.join(", ")
        );
        host.notes.push(Note::new(NoteKind::SshSetting, text));
    }
    host
}

#[cfg(test)]
mod tests;
