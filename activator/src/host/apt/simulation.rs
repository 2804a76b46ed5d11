//! Transactions that apt only simulates.

use nixfleet_contract::problem::{Code, Problem};

use super::ask;
use super::hook::{AptTransaction, MARK};

/// The option with which apt also installs the missing dependencies of unpacked packages.
pub const FIX_BROKEN: &str = "APT::Get::Fix-Broken=true";

/// A transaction that apt is asked to simulate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AptRequest {
    /// The action of apt: `install`, `upgrade`, `remove` or `purge`. `upgrade` also installs the new packages
    /// that an update needs, and removes nothing.
    pub verb: &'static str,
    /// The packages, each as apt-get accepts it: `nginx`, `nginx=1.22.*` or `exim4-`.
    pub packages: Vec<String>,
    /// Whether apt installs recommended packages; as the host says if `None`.
    pub recommends: Option<bool>,
    /// Further options of apt, each as `NAME=VALUE`.
    pub options: Vec<String>,
}

impl AptRequest {
    /// Returns the command that simulates the transaction. `activator`: the path of this program.
    ///
    /// apt may change packages that are held: the plan refuses this, unless it also ends the hold. apt may
    /// install older versions: the plan refuses this, unless a declaration asks for the version.
    ///
    /// apt runs the hook with a shell. The socket of the hook is its standard input, and its standard output
    /// is the output of apt.
    fn argv(&self, activator: &str) -> Vec<String> {
        let hook = format!("exec {} apt-hook <&\"$APT_HOOK_SOCKET\"", quoted(activator));
        let fixed = ["apt-get", "--simulate", "-qq", "--allow-change-held-packages", "--allow-downgrades"];
        let mut argv = fixed.map(str::to_owned).to_vec();
        for option in ["AptCli::Hooks::Install::", "AptCli::Hooks::Upgrade::"] {
            argv.extend(["-o".to_owned(), format!("{option}={hook}")]);
        }
        argv.extend(self.options.iter().flat_map(|option| ["-o".to_owned(), option.clone()]));
        let rule = |is_wanted| if is_wanted { "--install-recommends" } else { "--no-install-recommends" };
        argv.extend(self.recommends.map(rule).map(str::to_owned));
        argv.extend(self.is_upgrade().then(|| "--with-new-pkgs".to_owned()));
        argv.push(self.verb.to_owned());
        argv.push("--".to_owned());
        argv.extend(self.packages.iter().cloned());
        argv
    }

    fn is_upgrade(&self) -> bool {
        self.verb == "upgrade"
    }

    /// Simulates the transaction, and returns the packages that it would change. `activator`: the path of
    /// this program.
    ///
    /// # Errors
    /// Fails with [`Code::Packages`] if apt cannot carry out the transaction.
    pub fn simulate(&self, activator: &str) -> Result<AptTransaction, Problem> {
        let argv = self.argv(activator);
        let finished = ask(&argv.iter().map(String::as_str).collect::<Vec<_>>())?;
        if !finished.success() {
            let why = why(&finished.stderr).unwrap_or_else(|| finished.why());
            return Err(if self.is_upgrade() {
                Problem::new(Code::Packages, "apt cannot update the packages of the host")
                    .because(why)
                    .help("run `apt-get --simulate upgrade` on the host, and correct what it reports")
            } else {
                Problem::new(Code::Packages, "apt cannot carry out the declaration")
                    .at("nixfleet.apt.packages")
                    .because(why)
                    .help("run the same with `apt-get --simulate install` on the host")
            });
        }
        transaction(&finished.stdout)
    }
}

/// Returns the transaction in the output of apt. A transaction without changes has none.
fn transaction(stdout: &str) -> Result<AptTransaction, Problem> {
    let Some(line) = stdout.lines().filter_map(|line| line.strip_prefix(MARK)).next_back() else {
        return Err(Problem::new(Code::Packages, "apt did not report the changes of the transaction")
            .because("it did not start the hook of NixFleet; apt has such hooks since version 2.3.2"));
    };
    serde_json::from_str(line)
        .map_err(|error| Problem::new(Code::Packages, "the transaction of apt cannot be read").because(error))
}

/// Returns the errors that apt reported, without its warnings.
fn why(stderr: &str) -> Option<String> {
    let errors: Vec<&str> = stderr.lines().filter_map(|line| line.strip_prefix("E: ")).collect();
    (!errors.is_empty()).then(|| errors.join("; "))
}

/// Quotes a word for the shell.
pub(super) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apt_starts_the_hook_and_reads_only_names_after_the_dashes() {
        let request = AptRequest {
            verb: "install",
            packages: vec!["nginx=1.22.*".to_owned(), "exim4-".to_owned()],
            recommends: Some(false),
            options: vec!["Dir::Etc::Parts=/dev/null".to_owned()],
        };
        let hook = r#"exec '/nix/it'\''s' apt-hook <&"$APT_HOOK_SOCKET""#;
        let (install, upgrade) =
            (format!("AptCli::Hooks::Install::={hook}"), format!("AptCli::Hooks::Upgrade::={hook}"));
        assert_eq!(
            request.argv("/nix/it's"),
            [
                "apt-get",
                "--simulate",
                "-qq",
                "--allow-change-held-packages",
                "--allow-downgrades",
                "-o",
                &install,
                "-o",
                &upgrade,
                "-o",
                "Dir::Etc::Parts=/dev/null",
                "--no-install-recommends",
                "install",
                "--",
                "nginx=1.22.*",
                "exim4-",
            ]
        );
        assert!(
            AptRequest { verb: "remove", ..AptRequest::default() }
                .argv("/a")
                .iter()
                .all(|word| !word.contains("recommends"))
        );
    }

    #[test]
    fn an_upgrade_may_install_new_packages() {
        let argv = AptRequest { verb: "upgrade", ..AptRequest::default() }.argv("/a");
        assert_eq!(argv[argv.len() - 3..], ["--with-new-pkgs", "upgrade", "--"]);
    }

    #[test]
    fn the_last_transaction_in_the_output_counts() {
        let output =
            format!("Inst nginx\n{MARK}{{\"packages\":[{{}}]}}\n{MARK}{{\"packages\":[]}}\nConf nginx\n");
        assert_eq!(transaction(&output).unwrap(), AptTransaction::default());
        assert!(transaction("Inst nginx\n").unwrap_err().why.unwrap().contains("2.3.2"));
        assert!(transaction(&format!("{MARK}{{")).is_err());
    }

    #[test]
    fn errors_are_told_without_warnings() {
        let stderr =
            "W: Target is configured twice\nE: Unable to locate package nginxx\nE: Broken packages\n";
        assert_eq!(why(stderr).as_deref(), Some("Unable to locate package nginxx; Broken packages"));
        assert_eq!(why("W: only this\n"), None);
    }
}
