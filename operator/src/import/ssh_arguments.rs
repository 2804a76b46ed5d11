//! Reads arguments of `ssh`, such as `-J bastion` or `-o ProxyCommand="ssh -W %h:%p bastion"`.

use super::jump::{WITH_VALUE, split_option};
use super::note::Place;
use super::secret::shown;
use super::ssh_options::SshOptions;

/// The one-letter options of `ssh` without a value that do not change how a host is reached: agent forwarding
/// (`-A`), compression (`-C`), X11 (`-X`), verbosity (`-v`, `-q`) and similar options.
const NEEDLESS: &str = "AaCkqTtvXxYyNnfg";

/// Reads arguments of `ssh`, and adds them to `options`. An argument that is not understood becomes a note.
/// Such a note does not contain the argument, which may be a password after a misplaced quotation mark.
/// `place` is the place of the arguments in the imported files, if it is known.
pub fn read(words: &[String], options: &mut SshOptions, place: Option<&Place>) {
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let letters =
            word.strip_prefix('-').filter(|letters| !letters.is_empty() && !letters.starts_with('-'));
        let Some(letters) = letters else {
            options.check("an argument of ssh was not understood: it is no option", place);
            continue;
        };
        for (at, letter) in letters.char_indices() {
            if !WITH_VALUE.contains(letter) {
                flag(letter, options, place);
                continue;
            }
            let rest = &letters[at + letter.len_utf8()..];
            let value = if rest.is_empty() { words.next().unwrap_or_default() } else { rest };
            with_value(letter, value.trim(), options, place);
            break;
        }
    }
}

fn flag(letter: char, options: &mut SshOptions, place: Option<&Place>) {
    match letter {
        '4' => options.set("AddressFamily", "inet", place),
        '6' => options.set("AddressFamily", "inet6", place),
        letter if NEEDLESS.contains(letter) => {}
        letter => options.check(&format!("the argument -{letter} of ssh was not understood"), place),
    }
}

fn with_value(letter: char, value: &str, options: &mut SshOptions, place: Option<&Place>) {
    if value.is_empty() {
        return options.check(&format!("the argument -{letter} of ssh has no value"), place);
    }
    match letter {
        'J' => options.set("ProxyJump", value, place),
        'i' => options.set_path("IdentityFile", value, place),
        'I' => options.set_path("PKCS11Provider", value, place),
        'b' => options.set("BindAddress", value, place),
        'B' => options.set("BindInterface", value, place),
        'c' => options.set("Ciphers", value, place),
        'm' => options.set("MACs", value, place),
        'l' => options.set("User", value, place),
        'p' => options.set("Port", value, place),
        'S' => options.set("ControlPath", value, place),
        'F' => {
            let text = format!("ssh reads the configuration {}: add it to ~/.ssh/config", shown(value));
            options.check(&text, place);
        }
        'o' => match split_option(value) {
            Some((keyword, value)) => options.set(keyword, value, place),
            None => options.check("an option of ssh has no value", place),
        },
        letter => options.check(&format!("the argument -{letter} of ssh was not imported"), place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::found::FoundHost;

    fn of(line: &str) -> String {
        let (mut options, mut host) = (SshOptions::default(), FoundHost::named("web-1"));
        read(&shlex::split(line).unwrap(), &mut options, None);
        options.apply(&mut host);
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
    fn other_commands_are_told_and_not_copied() {
        for command in
            ["nc -X 5 %h %p", "ssh gate nc %h %p", "ssh -J outer -W %h:%p gate", "sshpass -p x ssh y"]
        {
            let told = of(&format!("-o 'ProxyCommand={command}' -J gate"));
            assert_eq!(
                told,
                "# ProxyCommand of ssh (a command, not copied because it may contain a secret: add it to ~/.ssh/config)"
            );
        }
        assert_eq!(of("-o ProxyCommand=none"), "");
    }

    #[test]
    fn the_first_of_several_arguments_applies() {
        assert_eq!(of("-l ada -o User=eve -p 2222 -oPort=22 -p 23"), "user ada; port 2222");
        assert_eq!(of("-J a -o 'ProxyJump b' -J c"), "ProxyJump a");
        assert_eq!(
            of("-i a -i b -o 'IdentityFile \"/c d\"' -i '/e f'"),
            "IdentityFile a; IdentityFile b; IdentityFile \"/c d\"; IdentityFile \"/e f\""
        );
    }

    #[test]
    fn the_rest_is_imported_or_told() {
        assert_eq!(
            of("-l ada -p 2222 -i ~/.ssh/key -4 -A -qC -b 10.0.0.2 -S none"),
            "IdentityFile ~/.ssh/key; AddressFamily inet; BindAddress 10.0.0.2; user ada; port 2222; \
             # ControlPath (NixFleet does not need it)"
        );
        assert_eq!(of("-o Ciphers=aes256-ctr -o Ciphers=none"), "Ciphers aes256-ctr");
        assert_eq!(
            of("-o StrictHostKeyChecking=no -o ControlMaster=auto"),
            "# StrictHostKeyChecking no (NixFleet always checks host keys); # ControlMaster (NixFleet does not need it)"
        );
        assert_eq!(
            of("-Z -p x -o y -L 80:a:80 -J"),
            "# the argument -Z of ssh was not understood; # the port of ssh was not understood: set ssh.port; \
             # an option of ssh has no value; # the argument -L of ssh was not imported; \
             # the argument -J of ssh has no value"
        );
    }

    #[test]
    fn a_misplaced_word_may_be_a_secret() {
        let told = of("-o ProxyCommand=ncat --proxy-auth ada:hunter2 --password=hunter2 hunter2 -p hunter2");
        assert!(!told.contains("hunter2"), "{told}");
        assert_eq!(told.matches("it is no option").count(), 4, "{told}");
    }
}
