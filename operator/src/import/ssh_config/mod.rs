//! Imports the hosts in the configuration of an SSH client: each word of a `Host` line is a host if it is not
//! a pattern.
//!
//! No library fits. `ssh -G` prints the exact settings for one name, but it runs the commands of
//! `Match exec`, and its output does not show which values are defaults. The crates for this format return
//! the settings for a name, but they return neither a list of all names nor the line numbers of errors. Most
//! of these crates do not read `Include` or `Match`. Only the crate `shlex` is used, which splits a line into
//! words.

mod include;
mod line;
mod pattern;
mod reader;
mod settings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nixfleet_contract::problem::{Code, Problem};

use super::draft::Draft;
use super::found::{FoundHost, FoundInventory, Tool};
use super::note::{Note, NoteKind};
use super::{jump, secret, ssh_keyword};
use reader::Reader;
use settings::{Block, HostSettings};

/// The addresses of public Git servers, which are not imported as hosts.
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

/// Imports the hosts of the SSH configuration `file`. If `file` is `None`, imports the hosts of
/// `~/.ssh/config`.
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
    import_from(&file, home)
}

fn import_from(file: &Path, home: Option<PathBuf>) -> Result<Draft, Problem> {
    let mut reader = Reader::with_files(file, home);
    reader.file(file)?;
    let mut found = FoundInventory::new(Tool::SshConfig, file.to_string_lossy());
    found.notes.append(&mut reader.notes);
    Draft::of(finished(&reader.blocks, found))
}

/// Parses the text of an SSH configuration. Files that the text includes are not read. `file` is the name of
/// the configuration in messages.
///
/// # Errors
/// The text is wrong, or it has no host that can be imported.
pub fn parse(text: &str, file: &str) -> Result<Draft, Problem> {
    let mut reader = Reader::without_files();
    reader.text(text, file)?;
    let mut found = FoundInventory::new(Tool::SshConfig, file);
    found.notes.append(&mut reader.notes);
    Draft::of(finished(&reader.blocks, found))
}

/// Adds each host of the configuration to `found`, with its settings.
fn finished(blocks: &[Block], mut found: FoundInventory) -> FoundInventory {
    // The names by address, port and route.
    let mut places = BTreeMap::new();
    for name in settings::names(blocks) {
        let settings = HostSettings::of(&name, blocks);
        let mut host = host(&name, &settings, blocks);
        let port = host.port.unwrap_or(22);
        let addr = settings.host_name(&name);
        if host.refused.is_none() {
            let place = (addr, port, settings.of_the_route(&name));
            let first = places.entry(place).or_insert_with(|| name.clone());
            if *first != name {
                host.refused = Some(format!("it is another name of {first}"));
            }
        }
        found.hosts.push(host);
    }
    found
}

fn host(name: &str, settings: &HostSettings, blocks: &[Block]) -> FoundHost {
    let mut host = FoundHost::named(name);
    host.user = settings.value("user").map(str::to_owned);
    let addr = settings.host_name(name);
    if host.user.as_deref() == Some("git") || FORGES.contains(&&*addr) {
        host.refused = Some("it is a Git server".to_owned());
    }
    match settings.setting("port").map(|setting| (setting, setting.value.parse::<u16>())) {
        Some((_, Ok(port))) if port > 0 => host.port = Some(port),
        Some((setting, _)) => {
            let text = format!("the port {} was not understood: set ssh.port", secret::shown(&setting.value));
            host.notes.push(Note::new(NoteKind::Check, text).at(&setting.place));
        }
        None => {}
    }
    // If ssh would reach the address in the same way without this entry, the inventory contains the address
    // itself, so that it does not depend on the user's configuration. Otherwise, it contains the name of the
    // entry.
    if addr == name || settings.is_reached_as(name, &addr, blocks) {
        host.addr = Some(addr);
    } else {
        let mut list = vec![format!("HostName {}", secret::shown(&addr))];
        list.extend(settings.of_the_way(name).iter().map(|(keyword, value)| told(keyword, value)));
        let text = format!(
            "addr is the name of the Host entry, so that ssh applies its settings ({})",
            list.join(", ")
        );
        host.notes.push(Note::new(NoteKind::SshSetting, text));
    }
    host
}

/// Returns a setting for a message. A value that may contain a secret is left out. A password may be part of
/// a command in any form, so a command is only shown if it is a jump host.
fn told(keyword: &str, value: &str) -> String {
    let is_command = ssh_keyword::COMMANDS.contains(&&*keyword.to_ascii_lowercase());
    if secret::is_embedded(value) || (is_command && jump::of_command(value).is_none()) {
        return keyword.to_owned();
    }
    format!("{keyword} {value}")
}

#[cfg(test)]
mod tests;
