//! Decides which values of another tool's variables may be shown. A secret must not be copied into a
//! `fleet.nix`, so only values that are short and look harmless are shown.

/// The parts of variable names that mark a secret. If a name contains one of these texts, its value is never
/// shown.
const WORDS: [&str; 15] = [
    "pass",
    "pwd",
    "secret",
    "token",
    "vault",
    "credential",
    "creds",
    "private_key",
    "auth",
    "apikey",
    "cert",
    "salt",
    "hash",
    "webhook",
    "license",
];
/// The words of variable names that mark a secret. If a name has one of these words between `_` or `-`, such
/// as `key` in `api_key`, its value is never shown.
const WHOLE: [&str; 6] = ["key", "keys", "pw", "pin", "psk", "dsn"];

/// The maximum length of a value that is shown, in characters.
const LONGEST: usize = 60;
/// A sequence of at least this many letters and digits may be a secret, if it contains both letters and
/// digits.
const RANDOM: usize = 12;

/// Whether the name of a variable suggests that its value is a secret.
pub fn is_secret_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let mut parts = lower.split(|c: char| !c.is_ascii_alphanumeric());
    WORDS.iter().any(|word| lower.contains(word)) || parts.any(|part| WHOLE.contains(&part))
}

/// Whether a value is short, and looks like a number, a word, a path or an address. A command with options
/// is not harmless, because a secret may follow an option of any name.
pub fn is_harmless(value: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._/:,+- ".contains(c);
    let runs = || value.split(|c: char| !c.is_ascii_alphanumeric());
    let is_random = |run: &str| {
        run.len() >= RANDOM
            && run.bytes().any(|byte| byte.is_ascii_digit())
            && run.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    let is_option = |word: &str| word.starts_with('-') && word.parse::<f64>().is_err();
    !value.is_empty()
        && value.len() <= LONGEST
        && value.chars().all(is_plain)
        && !runs().any(is_random)
        && !value.split(' ').any(is_option)
        && !is_embedded(value)
}

/// Whether a longer text, such as a command or a URL, may contain a secret.
pub fn is_embedded(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let mut words = lower.split(|c: char| c.is_whitespace() || "'\"`;|&".contains(c));
    ["sshpass", "ansible_vault", "-----begin"].iter().any(|mark| lower.contains(mark))
        || words.any(|word| is_named(word) || has_login(word))
}

/// Returns the value for a message, or the text `(secret)` if the value may contain a secret.
pub fn shown(value: &str) -> &str {
    if is_embedded(value) { "(secret)" } else { value }
}

/// Whether a word is an option or an assignment whose name suggests a secret, such as `--proxy-auth`,
/// `API_TOKEN=x` or `password:`.
fn is_named(word: &str) -> bool {
    let name = word.split('=').next().unwrap_or_default();
    let has_name = word.starts_with('-') || name.len() < word.len() || word.ends_with(':');
    has_name && is_secret_name(name)
}

/// Whether a word contains a login with a password, such as `ada:x@proxy` or `http://ada:x@proxy`. A port is
/// not a password: the list of jump hosts `gate:22,ada@inner` contains none.
fn has_login(word: &str) -> bool {
    let has_password = |part: &str| {
        let Some((login, _)) = part.split_once('@') else { return false };
        // An IPv6 address in brackets may stand before the port.
        let mut rest = login.rsplit(']').next().unwrap_or_default();
        while let Some((_, password)) = rest.split_once(':') {
            let port = password.split([',', '/']).next().unwrap_or_default();
            if port.len() == password.len() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
                return !password.is_empty();
            }
            rest = &password[port.len() + 1..];
        }
        false
    };
    word.split("://").any(has_password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known() {
        for name in ["db_password", "ansible_become_pass", "API_TOKEN", "ssl-key", "vault_x", "sentry_dsn"] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["http_port", "keyboard", "private_ip", "ntp_server", "monkey"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn only_plain_short_values_are_harmless() {
        for value in ["80", "true", "eu-west", "/srv/www", "10.0.0.1", "https://example.org:8080/x", "2024.1"]
        {
            assert!(is_harmless(value), "{value}");
        }
        let long = "a ".repeat(40);
        for value in [
            "",
            &long,
            "p4$$w0rd!",
            "https://ada:secret@example.org",
            "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
            "d41d8cd98f00b204e9800998ecf8427e",
            "$ANSIBLE_VAULT;1.1;AES256",
            "a\nb",
            "mysql -u root -phunter2",
            "sshpass -p hunter2",
        ] {
            assert!(!is_harmless(value), "{value}");
        }
        assert!(is_harmless("-1.5"));
    }

    #[test]
    fn secrets_in_commands_are_found() {
        for text in [
            "sshpass -p hunter2 ssh -W %h:%p gate",
            "ncat --proxy-auth ada:hunter2 --proxy p:3128 %h %p",
            "connect -H ada:hunter2@proxy:3128 %h %p",
            "corkscrew proxy 80 %h %p --client-secret hunter2",
            "plink -pw hunter2 gate",
            "env 'API_TOKEN=hunter2' tunnel %h",
            "curl -u http://ada:hunter2@proxy/",
            "password: hunter2",
            "gate:22,ada:hunter2@inner",
        ] {
            assert!(is_embedded(text), "{text}");
        }
        for text in [
            "ada@gate:2222",
            "gate:22,ada@inner",
            "[fd00::1]:22,ada@inner",
            "auth-1.example.org:22",
            "ssh://ada@gate:2222",
            "ssh -W %h:%p -l ada gate",
            "~/.ssh/key",
            "https://example.org:80/@x",
        ] {
            assert!(!is_embedded(text), "{text}");
        }
    }
}
