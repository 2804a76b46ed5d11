//! Reads arguments of `ssh`, such as `-J bastion` or `-o ProxyCommand="ssh -W %h:%p bastion"`.

use super::found::{FoundHost, SshSetting};
use super::note::{Note, NoteKind, Place};
use super::secret;

/// The one-letter options of `ssh` that are followed by a value, such as `-p 2222`.
const WITH_VALUE: &str = "BbcDEeFIiJLlmOoPpQRSWw";

/// Options of `ssh_config`, in lower case, that are not imported: they do not change how a host is reached,
/// or `NixFleet` sets them itself.
const NEEDLESS: [&str; 14] = [
    "batchmode",
    "compression",
    "connectionattempts",
    "connecttimeout",
    "controlmaster",
    "controlpath",
    "controlpersist",
    "forwardagent",
    "forwardx11",
    "loglevel",
    "requesttty",
    "serveralivecountmax",
    "serveraliveinterval",
    "tcpkeepalive",
];

/// Reads arguments of `ssh`, and adds their settings to `host`. An argument that is not understood becomes a
/// note. `place` is the place of the arguments in the imported files, if it is known.
pub fn read(words: &[String], host: &mut FoundHost, place: Option<&Place>) {
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            note(host, place, format!("the argument {} of ssh was not understood", shown(word)));
            continue;
        };
        for (at, letter) in letters.char_indices() {
            if !WITH_VALUE.contains(letter) {
                flag(letter, host, place);
                continue;
            }
            let rest = &letters[at + letter.len_utf8()..];
            let value = if rest.is_empty() { words.next().unwrap_or_default() } else { rest };
            with_value(letter, value.trim(), host, place);
            break;
        }
    }
}

fn flag(letter: char, host: &mut FoundHost, place: Option<&Place>) {
    // `-4` and `-6` select the version of IP. The flags in the list below do not change how a host is
    // reached, and are ignored: agent forwarding (`-A`), compression (`-C`), X11 (`-X`), verbosity (`-v`,
    // `-q`) and similar flags.
    if matches!(letter, '4' | '6') {
        let family = if letter == '4' { "inet" } else { "inet6" };
        set(host, "AddressFamily", family);
    } else if !"AaCkqTtvXxYyNnfg".contains(letter) {
        note(host, place, format!("the argument -{letter} of ssh was not understood"));
    }
}

fn with_value(letter: char, value: &str, host: &mut FoundHost, place: Option<&Place>) {
    match letter {
        'J' => set(host, "ProxyJump", value),
        'i' => set(host, "IdentityFile", value),
        'F' => note(
            host,
            place,
            format!("ssh reads the configuration {}: add it to ~/.ssh/config", shown(value)),
        ),
        'l' => host.user = Some(value.to_owned()),
        'p' => port(value, host, place),
        'o' => option(value, host, place),
        letter => {
            note(host, place, format!("the argument -{letter} {} of ssh was not imported", shown(value)));
        }
    }
}

/// Reads the value of the argument `-o`, which has the form of a line in `ssh_config`.
fn option(line: &str, host: &mut FoundHost, place: Option<&Place>) {
    let Some((keyword, value)) = line.split_once(|c: char| c == '=' || c.is_whitespace()) else {
        return note(host, place, format!("the option {} of ssh has no value", shown(line)));
    };
    let value = value.trim_start_matches(|c: char| c == '=' || c.is_whitespace()).trim_matches('"');
    keyword_value(keyword.trim(), value, host, place);
}

/// Adds an option of `ssh_config`, such as `ProxyJump`, to a host.
pub fn keyword_value(keyword: &str, value: &str, host: &mut FoundHost, place: Option<&Place>) {
    let lower = keyword.to_ascii_lowercase();
    match lower.as_str() {
        "proxyjump" if value.eq_ignore_ascii_case("none") => {}
        "proxyjump" => set(host, "ProxyJump", value),
        "proxycommand" => match jump_of(value) {
            Some(jump) => set(host, "ProxyJump", &jump),
            None if value.eq_ignore_ascii_case("none") => {}
            None => set(host, "ProxyCommand", value),
        },
        "identityfile" => set(host, "IdentityFile", value),
        "user" => host.user = Some(value.to_owned()),
        "port" => port(value, host, place),
        "hostname" => host.addr = Some(value.to_owned()),
        "stricthostkeychecking" | "userknownhostsfile" | "globalknownhostsfile" | "updatehostkeys" => {
            let text = format!("{keyword} {} (NixFleet always checks host keys)", shown(value));
            host.notes.push(located(Note::new(NoteKind::Needless, text), place));
        }
        lower if NEEDLESS.contains(&lower) => {
            let text = format!("{keyword} (NixFleet does not need it)");
            host.notes.push(located(Note::new(NoteKind::Needless, text), place));
        }
        _ => set(host, keyword, value),
    }
}

/// Returns the value of `ProxyJump` that does the same as this value of `ProxyCommand`: `ada@gate` for the
/// command `ssh -W %h:%p ada@gate`. Returns `None` if no value of `ProxyJump` does the same.
fn jump_of(command: &str) -> Option<String> {
    let words = shlex::split(command)?;
    let (program, arguments) = words.split_first()?;
    if program != "ssh" && !program.ends_with("/ssh") {
        return None;
    }
    let (mut destination, mut user, mut port, mut forwards) = (None, None, None, false);
    let mut arguments = arguments.iter().map(String::as_str);
    while let Some(word) = arguments.next() {
        let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            // The first word is the jump host. A second word begins a command to run on it, such as
            // `nc %h %p`.
            if destination.replace(word).is_some() {
                return None;
            }
            continue;
        };
        let Some(at) = letters.find(|letter| WITH_VALUE.contains(letter)) else { continue };
        let rest = &letters[at + 1..];
        let value = if rest.is_empty() { arguments.next()? } else { rest };
        match letters.as_bytes()[at] {
            b'W' => forwards = value == "%h:%p" || value == "[%h]:%p",
            b'l' => user = Some(value),
            b'p' => port = Some(value),
            b'o' => {
                // All options except the four below, such as StrictHostKeyChecking=no, only apply to the
                // connection to the jump host, and are left out.
                let (keyword, value) = value.split_once('=').unwrap_or((value, ""));
                match keyword.to_ascii_lowercase().as_str() {
                    "user" => user = Some(value),
                    "port" => port = Some(value),
                    "proxycommand" | "proxyjump" => return None,
                    _ => {}
                }
            }
            // `ProxyJump` cannot name a separate key or configuration file for the jump host.
            b'i' | b'F' => return None,
            _ => {}
        }
    }
    let destination = destination.filter(|_| forwards)?;
    let user = user.filter(|_| !destination.contains('@')).map(|user| format!("{user}@")).unwrap_or_default();
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{user}{destination}{port}"))
}

fn port(value: &str, host: &mut FoundHost, place: Option<&Place>) {
    match value.parse() {
        Ok(port) if port > 0 => host.port = Some(port),
        Ok(_) | Err(_) => {
            note(host, place, format!("the port {} was not understood: set ssh.port", shown(value)));
        }
    }
}

/// Adds a setting for the user's SSH configuration. If the host already has a setting with this keyword, the
/// first value stays, as in `ssh`. A value that may contain a secret becomes a note instead.
fn set(host: &mut FoundHost, keyword: &str, value: &str) {
    if secret::is_embedded(value) {
        host.notes
            .push(Note::new(NoteKind::Secret, format!("{keyword} of ssh (secret, its value is not copied)")));
    } else if !host.ssh.iter().any(|setting| setting.keyword.eq_ignore_ascii_case(keyword)) {
        host.ssh.push(SshSetting::new(keyword, value));
    }
}

fn note(host: &mut FoundHost, place: Option<&Place>, text: String) {
    host.notes.push(located(Note::new(NoteKind::Check, text), place));
}

fn located(note: Note, place: Option<&Place>) -> Note {
    match place {
        Some(place) => note.at(place),
        None => note,
    }
}

/// Returns the value for a message, or the text `(secret)` if the value may contain a secret.
fn shown(value: &str) -> &str {
    if secret::is_embedded(value) { "(secret)" } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> String {
        let mut host = FoundHost::named("web-1");
        read(&shlex::split(line).unwrap(), &mut host, None);
        let settings = host.ssh.iter().map(|setting| format!("{} {}", setting.keyword, setting.value));
        let notes = host.notes.iter().map(|note| format!("# {}", note.text));
        let user = host.user.iter().map(|user| format!("user {user}"));
        let port = host.port.iter().map(|port| format!("port {port}"));
        settings.chain(user).chain(port).chain(notes).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn every_way_to_name_a_jump_host_is_one() {
        for line in [
            "-J ada@gate:2222",
            "-Jada@gate:2222",
            "-o ProxyJump=ada@gate:2222",
            "-oProxyJump=ada@gate:2222",
            "-o 'ProxyJump ada@gate:2222'",
            "-o ProxyCommand=\"ssh -W %h:%p -q ada@gate -p 2222\"",
            "-o 'ProxyCommand=ssh -o StrictHostKeyChecking=no -l ada -p2222 gate -W %h:%p'",
            "-o 'ProxyCommand ssh -W [%h]:%p -o User=ada -o Port=2222 gate'",
        ] {
            assert_eq!(of(line), "ProxyJump ada@gate:2222", "{line}");
        }
    }

    #[test]
    fn other_commands_stay_as_they_are() {
        for command in ["nc -X 5 %h %p", "ssh gate nc %h %p", "ssh -i key -W %h:%p gate", "ssh -W %h:%p"] {
            assert_eq!(of(&format!("-o 'ProxyCommand={command}'")), format!("ProxyCommand {command}"));
        }
        assert_eq!(of("-o ProxyCommand=none"), "");
    }

    #[test]
    fn the_rest_is_imported_or_told() {
        assert_eq!(
            of("-l ada -p 2222 -i ~/.ssh/key -4 -A -qC"),
            "IdentityFile ~/.ssh/key; AddressFamily inet; user ada; port 2222"
        );
        assert_eq!(of("-o Ciphers=aes256-ctr -o Ciphers=none"), "Ciphers aes256-ctr");
        assert_eq!(
            of("-o StrictHostKeyChecking=no -o ControlMaster=auto"),
            "# StrictHostKeyChecking no (NixFleet always checks host keys); # ControlMaster (NixFleet does not need it)"
        );
        assert_eq!(
            of("web -Z -p x -o y"),
            "# the argument web of ssh was not understood; # the argument -Z of ssh was not understood; # the port x was not understood: set ssh.port; # the option y of ssh has no value"
        );
        assert_eq!(
            of("-o ProxyCommand='sshpass -p hunter2 ssh -W %h:%p gate'"),
            "# ProxyCommand of ssh (secret, its value is not copied)"
        );
    }
}
