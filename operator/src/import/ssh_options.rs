//! The options with which another tool runs `ssh` for a host.

use std::collections::BTreeSet;

use super::found::{FoundHost, SshSetting};
use super::note::{Note, NoteKind, Place};
use super::{jump, secret, ssh_keyword};

/// Options of `ssh_config`, in lower case, that are not imported: they do not change how a host is reached,
/// or `NixFleet` sets them itself.
const NEEDLESS: [&str; 20] = [
    "batchmode",
    "clearallforwardings",
    "compression",
    "connectionattempts",
    "connecttimeout",
    "controlmaster",
    "controlpath",
    "controlpersist",
    "dynamicforward",
    "exitonforwardfailure",
    "forwardagent",
    "forwardx11",
    "localforward",
    "loglevel",
    "remotecommand",
    "remoteforward",
    "requesttty",
    "serveralivecountmax",
    "serveraliveinterval",
    "tcpkeepalive",
];

/// The options of `ssh` for one host. They are added in the order in which the other tool passes them to
/// `ssh`: for most keywords, the first value applies.
#[derive(Debug, Default)]
pub struct SshOptions {
    user: Option<String>,
    port: Option<u16>,
    host_name: Option<String>,
    settings: Vec<SshSetting>,
    notes: Vec<Note>,
    /// The keywords whose value is decided.
    decided: BTreeSet<String>,
}

impl SshOptions {
    /// Adds an option of `ssh_config`, such as `ProxyJump`. `place` is the place of the option in the
    /// imported files, if it is known.
    pub fn set(&mut self, keyword: &str, value: &str, place: Option<&Place>) {
        let lower = keyword.to_ascii_lowercase();
        if lower.is_empty() || !lower.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return self.check("an option of ssh was not understood: it begins with no keyword", place);
        }
        if NEEDLESS.contains(&lower.as_str()) {
            return self.needless(&format!("{keyword} (NixFleet does not need it)"), place);
        }
        if !ssh_keyword::is_cumulative(&lower) && !self.decided.insert(ssh_keyword::slot(&lower).to_owned()) {
            return;
        }
        match lower.as_str() {
            "proxyjump" | "proxycommand" if value.eq_ignore_ascii_case("none") => {}
            "proxycommand" => match jump::of_command(value) {
                Some(jump) => self.add("ProxyJump", &jump),
                None => self.command("ProxyCommand", place),
            },
            lower if ssh_keyword::COMMANDS.contains(&lower) => self.command(keyword, place),
            "user" => self.user = Some(unquoted(value).to_owned()),
            "hostname" => self.host_name = Some(unquoted(value).to_owned()),
            "port" => match unquoted(value).parse() {
                Ok(port) if port > 0 => self.port = Some(port),
                Ok(_) | Err(_) => self.check("the port of ssh was not understood: set ssh.port", place),
            },
            "stricthostkeychecking" | "userknownhostsfile" | "globalknownhostsfile" | "updatehostkeys" => {
                let text = format!("{keyword} {} (NixFleet always checks host keys)", secret::shown(value));
                self.needless(&text, place);
            }
            _ => self.add(keyword, value),
        }
    }

    /// Adds an option whose value is a path. A path with a space is put in quotes.
    pub fn set_path(&mut self, keyword: &str, path: &str, place: Option<&Place>) {
        let needs_quotes = path.contains([' ', '\t', '#']) && !path.contains('"');
        let value = if needs_quotes { format!("\"{path}\"") } else { path.to_owned() };
        self.set(keyword, &value, place);
    }

    /// Adds a note on an argument or option that was not understood. The text contains no value of the user
    /// that may be a secret.
    pub fn check(&mut self, text: &str, place: Option<&Place>) {
        self.note(Note::new(NoteKind::Check, text), place);
    }

    /// Adds the user, the port, the settings and the notes to a host. The address that the host already has
    /// is the destination that the other tool passes to `ssh`.
    pub fn apply(self, host: &mut FoundHost) {
        if let Some(name) = self.host_name {
            let destination = host.addr.as_deref().unwrap_or(&host.name);
            host.addr = Some(ssh_keyword::host_name(&name, destination));
        }
        host.user = self.user;
        host.port = self.port;
        host.ssh.extend(self.settings);
        host.notes.extend(self.notes);
    }

    fn add(&mut self, keyword: &str, value: &str) {
        let setting = SshSetting::new(keyword, value);
        if secret::is_embedded(value) {
            let text = format!("{keyword} of ssh (secret, its value is not copied)");
            self.notes.push(Note::new(NoteKind::Secret, text));
        } else if !self.settings.contains(&setting) {
            self.settings.push(setting);
        }
    }

    /// Adds a note on an option whose value is a command. Commands are not copied, because a password may be
    /// part of a command in any form.
    fn command(&mut self, keyword: &str, place: Option<&Place>) {
        let text = format!(
            "{keyword} of ssh (a command, not copied because it may contain a secret: add it to ~/.ssh/config)"
        );
        self.check(&text, place);
    }

    fn needless(&mut self, text: &str, place: Option<&Place>) {
        self.note(Note::new(NoteKind::Needless, text), place);
    }

    fn note(&mut self, note: Note, place: Option<&Place>) {
        self.notes.push(match place {
            Some(place) => note.at(place),
            None => note,
        });
    }
}

/// Returns the value of an option without the quotes around it.
fn unquoted(value: &str) -> &str {
    value.trim().trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(options: &[(&str, &str)]) -> FoundHost {
        let mut given = SshOptions::default();
        for (keyword, value) in options {
            given.set(keyword, value, None);
        }
        let mut host = FoundHost { addr: Some("10.0.0.1".to_owned()), ..FoundHost::named("web-1") };
        given.apply(&mut host);
        host
    }

    fn settings(options: &[(&str, &str)]) -> Vec<String> {
        of(options).ssh.iter().map(|setting| format!("{} {}", setting.keyword, setting.value)).collect()
    }

    #[test]
    fn the_first_value_applies_as_in_ssh() {
        let host = of(&[("User", "\"ada\""), ("user", "eve"), ("Port", "2222"), ("Port", "22")]);
        assert_eq!((host.user.as_deref(), host.port), (Some("ada"), Some(2222)));
        assert_eq!(settings(&[("Ciphers", "a"), ("CIPHERS", "b")]), ["Ciphers a"]);
        assert_eq!(settings(&[("ProxyJump", "a"), ("ProxyCommand", "ssh -W %h:%p b")]), ["ProxyJump a"]);
        assert_eq!(settings(&[("ProxyCommand", "nc x"), ("ProxyJump", "b")]), [""; 0]);
        assert_eq!(settings(&[("ProxyJump", "none"), ("ProxyCommand", "ssh -W %h:%p b")]), [""; 0]);
    }

    #[test]
    fn keys_add_up() {
        let options = [("IdentityFile", "a"), ("IdentityFile", "b"), ("IdentityFile", "a")];
        assert_eq!(settings(&options), ["IdentityFile a", "IdentityFile b"]);
        let options =
            [("CertificateFile", "a"), ("CertificateFile", "b"), ("SendEnv", "A"), ("SendEnv", "B")];
        assert_eq!(settings(&options).len(), 4);
        let mut given = SshOptions::default();
        given.set_path("IdentityFile", "/a b/key", None);
        assert_eq!(given.settings[0].value, "\"/a b/key\"");
    }

    #[test]
    fn a_host_name_takes_the_place_of_the_destination() {
        assert_eq!(of(&[]).addr.as_deref(), Some("10.0.0.1"));
        assert_eq!(of(&[("HostName", "x"), ("HostName", "y")]).addr.as_deref(), Some("x"));
        assert_eq!(of(&[("HostName", "%h.lan")]).addr.as_deref(), Some("10.0.0.1.lan"));
    }

    #[test]
    fn commands_and_secrets_are_told_without_their_value() {
        for (keyword, command) in [
            ("ProxyCommand", "nc -X 5 -P hunter2 %h %p"),
            ("LocalCommand", "notify hunter2"),
            ("KnownHostsCommand", "lookup hunter2"),
        ] {
            let host = of(&[(keyword, command)]);
            let expected =
                format!("{keyword} of ssh (a command, not copied because it may contain a secret: ");
            assert!(host.notes[0].text.starts_with(&expected), "{host:?}");
            assert!(!format!("{host:?}").contains("hunter2"), "{host:?}");
        }
        let host = of(&[("SetEnv", "API_TOKEN=hunter2"), ("x;y", "hunter2"), ("Port", "hunter2")]);
        assert!(!format!("{host:?}").contains("hunter2") && host.ssh.is_empty(), "{host:?}");
        assert_eq!(host.notes.len(), 3);
    }

    #[test]
    fn a_keyword_is_no_free_text() {
        for keyword in ["Proxy\nJump", "a b", "", "#", "é"] {
            let host = of(&[(keyword, "x")]);
            assert!(host.ssh.is_empty() && host.notes[0].text.contains("no keyword"), "{host:?}");
        }
    }
}
