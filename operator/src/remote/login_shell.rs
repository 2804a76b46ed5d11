//! Explains why a host did not run a script. `sshd` starts the login shell of the user, which may refuse to
//! run commands.

use nixfleet_contract::fleet::Host;
use nixfleet_contract::problem::{Code, Problem};

use super::answer::excerpt;

/// Returns the problem to report for a host that sent this output and this exit code instead of an answer.
pub fn ran_nothing(host: &Host, said: &str, exit: Option<i32>) -> Problem {
    let user = &host.ssh.user;
    let has = |word: &str| said.contains(word);
    let exit = exit.map_or_else(|| "was killed".to_owned(), |code| format!("ended with exit code {code}"));
    let shell = format!(
        "check the login shell on the host: getent passwd {user}; to set another login shell, run on the \
         host as root: usermod --shell /bin/bash {user}"
    );
    let (why, help) = if said.trim().is_empty() {
        let why = format!("the login shell printed nothing and {exit}, as /bin/false does");
        (why, shell)
    } else if has("currently not available") {
        (excerpt(said), format!("replace the login shell, which is /usr/sbin/nologin; {shell}"))
    } else if has("restricted") || has("rbash") {
        (excerpt(said), format!("allow the restricted shell to run sh; {shell}"))
    } else if has("sftp connections only") {
        let help = format!(
            "let {user} run commands: ForceCommand in /etc/ssh/sshd_config allows only file transfers"
        );
        (excerpt(said), help)
    } else {
        let help = format!(
            "let the login shell of {user} run sh -c, and remove any ForceCommand of sshd or command= of \
             the key; {shell}"
        );
        (excerpt(said), help)
    };
    Problem::new(Code::BadAnswer, "the host did not run the script of nixfleet")
        .at(format!("{} (user {user})", host.name))
        .because(why)
        .help(help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::answer::tests::host;

    #[test]
    fn a_shell_that_runs_nothing_is_named() {
        let told = |said: &str| {
            let problem = ran_nothing(&host(), said, Some(1));
            format!("{}\n{}", problem.why.unwrap_or_default(), problem.help.unwrap_or_default())
        };
        for (said, saying) in [
            ("", "/bin/false"),
            ("This account is currently not available.", "nologin"),
            ("rbash: line 1: sh: command not found", "restricted"),
            ("This service allows sftp connections only.", "ForceCommand"),
            ("rc: line 1: syntax error", "run sh -c"),
        ] {
            assert!(told(said).contains(saying), "{}", told(said));
        }
    }
}
