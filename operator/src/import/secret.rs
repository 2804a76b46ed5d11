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

/// Whether a value is short, and looks like a number, a word, a path or an address.
pub fn is_harmless(value: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._/:,+- ".contains(c);
    let runs = || value.split(|c: char| !c.is_ascii_alphanumeric());
    let is_random = |run: &str| {
        run.len() >= RANDOM
            && run.bytes().any(|byte| byte.is_ascii_digit())
            && run.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    !value.is_empty() && value.len() <= LONGEST && value.chars().all(is_plain) && !runs().any(is_random)
}

/// Whether a longer text, such as a command or a URL, may contain a secret.
pub fn is_embedded(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let has_login = text.split("://").skip(1).any(|rest| {
        let authority = rest.split('/').next().unwrap_or_default();
        authority.split_once('@').is_some_and(|(login, _)| login.contains(':'))
    });
    has_login
        || ["sshpass", "password=", "ansible_vault", "-----begin"].iter().any(|word| lower.contains(word))
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
        ] {
            assert!(!is_harmless(value), "{value}");
        }
    }
}
