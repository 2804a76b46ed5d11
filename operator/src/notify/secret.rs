//! Reads addresses and tokens from an environment variable or a file on this machine, so that these values do
//! not have to be in the Nix store.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;

/// The maximum length of a secret, in bytes.
const LIMIT: u64 = 8 << 10;

/// The possible sources of a value, such as a token, that may be secret. The first source that is set is
/// used.
#[derive(Clone, Copy, Debug)]
pub struct SecretPlace<'a> {
    /// The value itself, which the fleet contains and which is therefore not secret.
    pub plain: Option<&'a str>,
    /// The path of the file that contains the value.
    pub file: Option<&'a str>,
    /// The name of the environment variable that contains the value.
    pub variable: Option<&'a str>,
}

impl SecretPlace<'_> {
    /// Returns the value without surrounding white space, or `None` if no source is set. Reading can block
    /// forever if the file is on a disk that does not answer.
    ///
    /// # Errors
    /// Fails if the value is missing or is not a single line of text. The message does not quote the value.
    pub fn read(self) -> Result<Option<String>, String> {
        let value = match self {
            Self { plain: Some(plain), .. } => plain.to_owned(),
            Self { file: Some(file), .. } => {
                text(path(file)?).map_err(|error| format!("{file} cannot be read: {error}"))?
            }
            Self { variable: Some(name), .. } => {
                std::env::var(name).map_err(|_| format!("the variable {name} is not set"))?
            }
            _ => return Ok(None),
        };
        let value = value.trim();
        let name = self.file.or(self.variable).unwrap_or("it");
        if value.is_empty() || value.len() as u64 > LIMIT || value.chars().any(char::is_control) {
            return Err(format!("{name} does not hold one line of text"));
        }
        Ok(Some(value.to_owned()))
    }
}

/// Reads a file up to one byte beyond the limit, which is enough to see that the file is too long.
fn text(path: PathBuf) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LIMIT + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// Returns a path in which a leading `~/` is replaced by the home directory of the user.
fn path(file: &str) -> Result<PathBuf, String> {
    let Some(below) = file.strip_prefix("~/") else { return Ok(PathBuf::from(file)) };
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    home.map(|home| PathBuf::from(home).join(below)).ok_or_else(|| format!("{file}: HOME is not set"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_one_line_and_never_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token").display().to_string();
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            SecretPlace { plain: None, file: Some(&file), variable: None }.read()
        };
        assert_eq!(read("hunter2\n"), Ok(Some("hunter2".to_owned())));
        for bad in ["", "\n", "hunter2\nheader: x"] {
            assert!(!read(bad).unwrap_err().contains("hunter2"), "{bad:?}");
        }
        let endless = SecretPlace { plain: None, file: Some("/dev/zero"), variable: None };
        assert_eq!(endless.read().unwrap_err(), "/dev/zero does not hold one line of text");
        let missing = SecretPlace { plain: None, file: None, variable: Some("NIXFLEET_NO_SUCH_THING") };
        assert_eq!(missing.read().unwrap_err(), "the variable NIXFLEET_NO_SUCH_THING is not set");
    }
}
