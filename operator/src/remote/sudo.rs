//! Explains why the SSH user could not become root, from the messages of `sudo`, and suggests what to type to
//! correct the cause.

use nixfleet_contract::fleet::Host;
use nixfleet_contract::problem::{Code, Problem};

/// A reason why `sudo` refuses, as its messages reveal it.
#[derive(Clone, Copy)]
enum Cause {
    /// `sudo` is not installed.
    Missing,
    /// `sudo` requires a terminal, because of the setting `requiretty`.
    Terminal,
    /// Other users may write to a file of rules, so `sudo` does not read this file.
    OpenFile,
    /// A file of rules has a syntax error.
    Syntax,
    /// The program `sudo` lacks the privileges of root, because of its file mode or of the environment in
    /// which it runs.
    Powerless,
    /// The account is locked or has expired.
    Account,
    /// There is no rule for the user, or the rule asks for a password or allows only other commands.
    Rule,
}

/// The causes and their messages in `sudo` and sudo-rs. If several causes match, the first matching cause
/// explains the others.
const CAUSES: [(Cause, &[&str]); 7] = [
    (Cause::Missing, &["sudo: not found", ": sudo: command not found"]),
    (Cause::OpenFile, &["is world writable", "is writable by", "is owned by uid", "is owned by gid"]),
    (Cause::Syntax, &["syntax error", "parse error"]),
    (Cause::Terminal, &["must have a tty"]),
    (Cause::Powerless, &["setuid bit", "effective uid is not 0", "no new privileges"]),
    (Cause::Account, &["account validation failure", "expired"]),
    (
        Cause::Rule,
        &[
            "a password is required",
            "incorrect password attempt",
            "no password was provided",
            "a terminal is required",
            "interactive authentication is required",
            "is not in the sudoers file",
            "is not allowed to",
            "may not run sudo",
            "afraid I can't do that",
        ],
    ),
];

/// Messages that `sudo` may print although it runs the command.
const NOISE: [&str; 4] =
    ["unable to resolve host", "setrlimit", "unable to send audit message", "unable to get time of day"];

/// Returns the problem that the messages in `stderr` describe, if `sudo` refused.
pub fn refused(stderr: &str, host: &Host) -> Option<Problem> {
    let user = &host.ssh.user;
    let said: Vec<&str> = stderr
        .lines()
        .map(str::trim)
        .filter(|line| !NOISE.iter().any(|noise| line.contains(noise)))
        .collect();
    let with = |words: &[&str]| said.iter().find(|line| words.iter().any(|word| line.contains(word)));
    let known = CAUSES.iter().find_map(|(cause, words)| with(words).map(|line| (*cause, *line)));
    let of_sudo = said.iter().any(|line| line.contains("sudo"));
    let (line, help) = if let Some((cause, line)) = known.filter(|_| of_sudo) {
        (line, help(cause, line, host))
    } else {
        // If the message is that a program was not found, `sudo` itself succeeded.
        let line = said.iter().find(|line| line.starts_with("sudo: ") && !line.ends_with("not found"))?;
        (*line, format!("test the access: ssh {user}@{} sudo -n true", host.addr))
    };
    Some(
        Problem::new(Code::NoSudo, "the SSH user cannot become root")
            .at(format!("{} (user {user})", host.name))
            .because(line)
            .help(help),
    )
}

fn help(cause: Cause, line: &str, host: &Host) -> String {
    let user = &host.ssh.user;
    let root = "run on the host, as root: ";
    match cause {
        Cause::Missing => format!(
            "{root}apt-get install sudo; or let NixFleet log in as root: hosts.{}.ssh.user = \"root\";",
            host.name
        ),
        Cause::Terminal => format!("{root}echo 'Defaults:{user} !requiretty' > /etc/sudoers.d/nixfleet-tty"),
        Cause::OpenFile => {
            // sudo 1.9.16 omits the name of an included file.
            let named = line.split_whitespace().find(|word| word.starts_with('/')).map(str::to_owned);
            let files = named.unwrap_or_else(|| "/etc/sudoers /etc/sudoers.d/*".to_owned());
            format!(
                "{root}chown root:root {files} && chmod 0440 {files}; sudo ignores rules that other users \
                 can write"
            )
        }
        Cause::Syntax => format!("{root}visudo -c"),
        Cause::Powerless if line.contains("no new privileges") => {
            format!(
                "remove NoNewPrivileges= from the unit of sshd; to check it, {root}systemctl show \
                 --property NoNewPrivileges ssh.service"
            )
        }
        Cause::Powerless => format!(
            "{root}chown root:root /usr/bin/sudo && chmod 4755 /usr/bin/sudo; mount its filesystem without \
             nosuid"
        ),
        Cause::Account => {
            format!(
                "check whether the account or its password has expired; {root}chage --list {user} && \
                 passwd --status {user}"
            )
        }
        Cause::Rule => format!(
            "{root}echo '{user} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/nixfleet; if several rules \
             match, the last one applies: sudo -l -U {user}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::answer::tests::host;

    #[test]
    fn each_cause_has_something_else_to_type() {
        let told = |stderr: &str| {
            refused(stderr, &host())
                .map_or_else(|| "not refused".to_owned(), |problem| problem.help.unwrap_or_default())
        };
        let rule = "run on the host, as root: echo 'deploy ALL=(ALL) NOPASSWD: ALL' > \
                    /etc/sudoers.d/nixfleet; if several rules match, the last one applies: sudo -l -U \
                    deploy";
        let cases = [
            ("sudo: a password is required", rule),
            ("sudo: interactive authentication is required", rule),
            ("deploy is not in the sudoers file.", rule),
            ("Sorry, user deploy is not allowed to execute '/bin/true' as root on web-1.\nsudo: x", rule),
            (
                "sudo: sorry, you must have a tty to run sudo",
                "run on the host, as root: echo 'Defaults:deploy !requiretty' > /etc/sudoers.d/nixfleet-tty",
            ),
            (
                "nixfleet: 12: eval: sudo: not found",
                "run on the host, as root: apt-get install sudo; or let NixFleet log in as root: \
                 hosts.web-1.ssh.user = \"root\";",
            ),
            (
                "sudo: /etc/sudoers.d/deploy is world writable\nsudo: a password is required",
                "run on the host, as root: chown root:root /etc/sudoers.d/deploy && \
                 chmod 0440 /etc/sudoers.d/deploy; sudo ignores rules that other users can write",
            ),
            (
                "sudo:  is world writable",
                "run on the host, as root: chown root:root /etc/sudoers /etc/sudoers.d/* && \
                 chmod 0440 /etc/sudoers /etc/sudoers.d/*; sudo ignores rules that other users can write",
            ),
            (
                "sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set",
                "run on the host, as root: chown root:root /usr/bin/sudo && chmod 4755 /usr/bin/sudo; \
                 mount its filesystem without nosuid",
            ),
            (
                "/etc/sudoers.d/x:1:7: syntax error\nsudo: a password is required",
                "run on the host, as root: visudo -c",
            ),
            ("sudo: something new", "test the access: ssh deploy@10.0.1.11 sudo -n true"),
        ];
        for (stderr, help) in cases {
            assert_eq!(told(stderr), help, "{stderr}");
        }
    }

    #[test]
    fn what_accompanies_work_that_was_done_is_no_refusal() {
        for stderr in [
            "",
            "sudo: unable to resolve host web-1: Name or service not known",
            "sudo: setrlimit(RLIMIT_CORE): Operation not permitted",
            "sudo: /nix/store/a/activate: command not found",
            "error: the token has expired",
        ] {
            assert!(refused(stderr, &host()).is_none(), "{stderr}");
        }
        let noisy =
            "sudo: unable to resolve host web-1: Name or service not known\nsudo: a password is required";
        assert_eq!(refused(noisy, &host()).unwrap().why.as_deref(), Some("sudo: a password is required"));
    }
}
