//! Recognizes a `ProxyCommand` that only connects through a jump host, as `ProxyJump` does.

/// The one-letter options of `ssh` that are followed by a value, such as `-p 2222`.
pub const WITH_VALUE: &str = "BbcDEeFIiJLlmOoPpQRSWw";
/// The one-letter options of `ssh` without a value that do not change how the jump host is reached.
const NEEDLESS_FLAGS: &str = "aAkCNnqTtvXxYy";
/// Options of `ssh_config`, in lower case, that do not change how the jump host is reached. `ssh` itself
/// checks the key of a jump host with its own settings.
const NEEDLESS: [&str; 20] = [
    "batchmode",
    "checkhostip",
    "clearallforwardings",
    "compression",
    "connectionattempts",
    "connecttimeout",
    "controlmaster",
    "controlpath",
    "controlpersist",
    "forwardagent",
    "forwardx11",
    "globalknownhostsfile",
    "hashknownhosts",
    "loglevel",
    "requesttty",
    "serveralivecountmax",
    "serveraliveinterval",
    "stricthostkeychecking",
    "tcpkeepalive",
    "userknownhostsfile",
];

/// A jump host, as the arguments of `ssh` describe it.
#[derive(Default)]
struct Jump<'a> {
    destination: Option<&'a str>,
    user: Option<&'a str>,
    port: Option<&'a str>,
    forwards: bool,
}

/// Returns the value of `ProxyJump` that does the same as this value of `ProxyCommand`: `ada@gate` for the
/// command `ssh -W %h:%p ada@gate`. Returns `None` if no value of `ProxyJump` does the same.
pub fn of_command(command: &str) -> Option<String> {
    let words = shlex::split(command)?;
    let (program, arguments) = words.split_first()?;
    if program != "ssh" && !program.ends_with("/ssh") {
        return None;
    }
    let mut jump = Jump::default();
    let mut arguments = arguments.iter().map(String::as_str);
    while let Some(word) = arguments.next() {
        let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            // A second word begins a command to run on the jump host, such as `nc %h %p`.
            if jump.destination.is_some() {
                return None;
            }
            jump.to(word);
            continue;
        };
        let at = letters.find(|letter| WITH_VALUE.contains(letter));
        if !letters[..at.unwrap_or(letters.len())].chars().all(|flag| NEEDLESS_FLAGS.contains(flag)) {
            return None;
        }
        let Some(at) = at else { continue };
        let rest = &letters[at + 1..];
        let value = if rest.is_empty() { arguments.next()? } else { rest };
        jump.option(letters.as_bytes()[at], value)?;
    }
    jump.value()
}

impl<'a> Jump<'a> {
    /// Reads the destination. As in `ssh`, its user does not apply if an option before it sets a user.
    fn to(&mut self, word: &'a str) {
        let is_url = word.contains("://");
        let (user, host) = match word.rsplit_once('@') {
            Some((user, host)) if !is_url => (Some(user), host),
            _ => (None, word),
        };
        self.user = self.user.or(user);
        self.destination = Some(host);
    }

    /// Reads an option with its value. The first value applies, as in `ssh`. Returns `None` if `ProxyJump`
    /// cannot express the option, such as a separate key for the jump host.
    fn option(&mut self, letter: u8, value: &'a str) -> Option<()> {
        match letter {
            b'W' => self.forwards = value == "%h:%p" || value == "[%h]:%p",
            b'l' => self.user = self.user.or(Some(value)),
            b'p' => self.port = self.port.or(Some(value)),
            b'o' => {
                let (keyword, value) = split_option(value)?;
                match keyword.to_ascii_lowercase().as_str() {
                    "user" => self.user = self.user.or(Some(value)),
                    "port" => self.port = self.port.or(Some(value)),
                    keyword if NEEDLESS.contains(&keyword) => {}
                    _ => return None,
                }
            }
            b'E' | b'e' | b'S' => {}
            _ => return None,
        }
        Some(())
    }

    fn value(self) -> Option<String> {
        let destination = self.destination.filter(|_| self.forwards)?;
        let is_url = destination.contains("://");
        if is_url && (self.user.is_some() || self.port.is_some()) {
            return None;
        }
        // The shell would replace all other characters, such as `$GATE`, and `ProxyJump` would not.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-%[]:@/".contains(c);
        let parts = [Some(destination), self.user, self.port];
        if !parts.into_iter().flatten().all(|part| !part.is_empty() && part.chars().all(is_plain)) {
            return None;
        }
        let needs_brackets = !is_url && destination.contains(':') && !destination.starts_with('[');
        let host = if needs_brackets { format!("[{destination}]") } else { destination.to_owned() };
        let user = self.user.map(|user| format!("{user}@")).unwrap_or_default();
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        Some(format!("{user}{host}{port}"))
    }
}

/// Splits the value of the argument `-o`, which has the form of a line in `ssh_config`, into its keyword and
/// its value. Returns `None` if it has no value.
pub fn split_option(line: &str) -> Option<(&str, &str)> {
    let is_separator = |c: char| c == '=' || c.is_whitespace();
    let line = line.trim();
    let (keyword, rest) = line.split_at(line.find(is_separator)?);
    let rest = rest.trim_start();
    let value = rest.strip_prefix('=').unwrap_or(rest).trim_start();
    (!value.is_empty()).then_some((keyword, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_only_forwards_is_a_jump() {
        for (command, jump) in [
            ("ssh -W %h:%p -q ada@gate -p 2222", "ada@gate:2222"),
            ("/usr/bin/ssh -o StrictHostKeyChecking=no -l ada -p2222 gate -W %h:%p", "ada@gate:2222"),
            ("ssh -W [%h]:%p -o User=ada -o 'Port 2222' gate", "ada@gate:2222"),
            ("ssh -qW %h:%p -l ada bob@gate -l eve", "ada@gate"),
            ("ssh -W %h:%p ada@gate -o User=eve -p 22 -p 23", "ada@gate:22"),
            ("ssh -W %h:%p -p 2222 fd00::1", "[fd00::1]:2222"),
            ("ssh -W %h:%p ssh://ada@gate:2222", "ssh://ada@gate:2222"),
            ("ssh -o 'ControlPath /tmp/%C' -S none -W %h:%p %r@gate", "%r@gate"),
        ] {
            assert_eq!(of_command(command).as_deref(), Some(jump), "{command}");
        }
    }

    #[test]
    fn a_command_with_a_part_that_a_jump_cannot_express_is_none() {
        for command in [
            "nc -X 5 %h %p",
            "ssh gate nc %h %p",
            "ssh -i key -W %h:%p gate",
            "ssh -F config -W %h:%p gate",
            "ssh -W %h:%p",
            "ssh -W %h:22 gate",
            "ssh -J outer -W %h:%p gate",
            "ssh -o IdentityFile=key -W %h:%p gate",
            "ssh -o 'IdentityFile key' -W %h:%p gate",
            "ssh -o 'ProxyCommand nc %h %p' -W %h:%p gate",
            "ssh -o ProxyJump=outer -W %h:%p gate",
            "ssh -o HostName=10.0.0.1 -W %h:%p gate",
            "ssh -o User -W %h:%p gate",
            "ssh -b 10.0.0.2 -W %h:%p gate",
            "ssh -6 -W %h:%p gate",
            "ssh -W %h:%p $GATE",
            "ssh -W %h:%p gate; true",
            "ssh -W %h:%p -p 22 ssh://gate",
            "ssh -W %h:%p gate 2>/dev/null",
            "ssh -W %h:%p \"",
        ] {
            assert_eq!(of_command(command), None, "{command}");
        }
    }
}
