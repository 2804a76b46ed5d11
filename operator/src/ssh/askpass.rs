//! Logins with a password. `ssh` reads passwords only from a terminal or from a helper program
//! (`SSH_ASKPASS`), so this module supplies a helper that reads the password from a pipe.
//!
//! The pipe has a name in a directory that only the user may enter. The password is only in the memory of
//! this process and of the kernel, and neither in a file nor in the environment.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use nixfleet_contract::problem::{Code, Problem};
use tempfile::TempDir;

use crate::password::Password;
use crate::process::Invocation;

/// Returns the helper. It answers questions for the password of the login on the host with this alias, and no
/// other questions, such as the password of a jump host, the passphrase of a key or a new password.
fn helper(alias: &str) -> String {
    format!(
        "#!/bin/sh
case $1 in
  *[Nn]ew*|*[Rr]etype*|*[Pp]assphrase*) exit 1 ;;
  *@{alias}[!0-9A-Za-z-]*[Pp]assword*)
    IFS= read -r password <\"${{0%/*}}/password\" && printf '%s\\n' \"$password\" ;;
  *) exit 1 ;;
esac
"
    )
}

/// The methods of `ssh` that ask for a password: `password` and `keyboard-interactive`. Each asks once.
const METHODS: usize = 2;
/// The time limit of `mkfifo`.
const LIMIT: Duration = Duration::from_secs(10);

/// A helper program that knows a password. Dropping this value removes the helper.
#[derive(Debug)]
pub struct Askpass {
    directory: TempDir,
    /// As long as this end is open, the pipe keeps the password for the helper.
    _pipe: File,
}

impl Askpass {
    /// Creates the helper in a directory that only the user may enter. `ssh` names the host by `alias`, which
    /// is the `HostKeyAlias` of its options.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub async fn create(private: &Path, alias: &str, password: &Password) -> Result<Self, Problem> {
        let wrong = |why: String| {
            Problem::new(Code::Usage, "the password cannot be passed to ssh")
                .at(private.display())
                .because(why)
        };
        let unwritten = |error: io::Error| wrong(error.to_string());
        let directory = tempfile::Builder::new().prefix("askpass-").tempdir_in(private).map_err(unwritten)?;
        let pipe = directory.path().join("password");
        let made = Invocation::new("mkfifo", LIMIT).args(["-m", "600"]).args([&pipe]).run().await;
        match made {
            Ok(output) if output.status.success() => {}
            Ok(output) => return Err(wrong(output.stderr_text())),
            Err(failure) => return Err(wrong(failure.to_string())),
        }
        write_helper(&directory.path().join("askpass"), &helper(alias)).map_err(unwritten)?;
        // An open for reading and writing does not wait for the helper.
        let mut end = OpenOptions::new().read(true).write(true).open(&pipe).map_err(unwritten)?;
        end.write_all(&password.line().repeat(METHODS)).map_err(unwritten)?;
        Ok(Self { directory, _pipe: end })
    }

    /// Returns the environment in which `ssh` asks the helper, and never a terminal.
    #[must_use]
    pub fn environment(&self) -> [String; 2] {
        let helper = self.directory.path().join("askpass");
        [format!("SSH_ASKPASS={}", helper.display()), "SSH_ASKPASS_REQUIRE=force".to_owned()]
    }
}

fn write_helper(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o700).open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[tokio::test]
    async fn the_helper_answers_each_method_once_and_no_other_question() {
        let directory = tempfile::tempdir().unwrap();
        let password = Password::new("hun'ter $2").unwrap();
        let askpass = Askpass::create(directory.path(), "nixfleet-web-1", &password).await.unwrap();
        let environment = askpass.environment();
        let helper = environment[0].strip_prefix("SSH_ASKPASS=").unwrap().to_owned();
        let ask = |question: &str| {
            let output = Command::new(&helper).arg(question).output().unwrap();
            (output.status.success(), String::from_utf8(output.stdout).unwrap())
        };
        for refused in [
            "Enter passphrase for key '/home/ada/.ssh/id_ed25519': ",
            "(root@nixfleet-web-1) Verification code: ",
            "(root@nixfleet-web-1) New password: ",
            "root@gate's password: ",
            "root@nixfleet-web-11's password: ",
        ] {
            assert_eq!(ask(refused), (false, String::new()), "{refused}");
        }
        for question in ["root@nixfleet-web-1's password: ", "(root@nixfleet-web-1) Password: "] {
            assert_eq!(ask(question), (true, "hun'ter $2\n".to_owned()), "{question}");
        }
        drop(askpass);
        assert!(!Path::new(&helper).exists());
    }
}
