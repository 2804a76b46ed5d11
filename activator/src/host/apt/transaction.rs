//! Transactions that apt and dpkg carry out.

use std::time::Duration;

use nixfleet_contract::apt::plan::{AptPhase, AptPlan, PackageChange, PackageOperation};
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::PackageName;

use super::cache;
use super::simulation::{FIX_BROKEN, quoted};
use crate::host::command::{self, Finished};

/// Time limit for a transaction. It is long, since a program that dpkg has started must not be killed.
const LIMIT: Duration = Duration::from_secs(3600);

/// The environment of apt and dpkg. sudo removes variables, so it is set for each program.
const ENVIRONMENT: [(&str, &str); 7] = [
    ("DEBIAN_FRONTEND", "noninteractive"),
    ("DEBIAN_PRIORITY", "critical"),
    // needrestart lists services, but restarts none.
    ("NEEDRESTART_MODE", "l"),
    ("NEEDRESTART_SUSPEND", "1"),
    ("APT_LISTCHANGES_FRONTEND", "none"),
    ("UCF_FORCE_CONFFOLD", "1"),
    ("HOME", "/root"),
];

/// The options with which apt knows only the installed packages and the files that it is given. The cache of
/// apt, which belongs to the sources, stays as it is.
const WITHOUT_SOURCES: [&str; 4] = [
    "Dir::Etc::SourceList=/dev/null",
    "Dir::Etc::SourceParts=/dev/null",
    "Dir::Cache::pkgcache=",
    "Dir::Cache::srcpkgcache=",
];

/// The beginning of each line that the guard of a transaction prints.
pub const GUARD: &str = "nixfleet-apt-guard: ";

/// The way in which apt carries out a transaction.
#[derive(Clone, Copy, Debug)]
pub struct AptCall<'a> {
    /// The path of this program, which apt starts as its guard.
    pub activator: &'a str,
    /// Options of apt, each as `NAME=VALUE`.
    pub options: &'a [String],
}

/// The reason why a transaction of apt did not finish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AptFailure {
    /// The guard saw another transaction than the planned one, so dpkg did not start.
    Guarded(String),
    /// apt or dpkg failed.
    Failed(String),
}

impl AptFailure {
    /// Returns the problem for people.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::Guarded(why) => {
                Problem::new(Code::PlanOutdated, "apt would not do exactly what was planned")
                    .because(format!("{why}; dpkg was not started"))
                    .help("plan again, then apply the new plan")
            }
            Self::Failed(why) => Problem::new(Code::Packages, "apt failed").because(why).help(
                "read /var/log/apt/term.log on the host, correct the cause, then run the command again",
            ),
        }
    }
}

impl AptCall<'_> {
    /// Downloads the files of all packages that change before the change of the host. If `is_off` returns
    /// true meanwhile, apt is killed.
    ///
    /// # Errors
    /// Fails with [`Code::Packages`] and the messages of apt.
    pub fn download(&self, plan: &AptPlan, is_off: &dyn Fn() -> bool) -> Result<(), Problem> {
        cache::drop_others(plan);
        self.fetch(plan, is_off).map_err(|failure| match failure {
            AptFailure::Guarded(_) => failure.problem(),
            AptFailure::Failed(why) => {
                Problem::new(Code::Packages, "apt could not download the packages of the plan")
                    .because(why)
                    .help("run `apt-get update` on the host, correct its package sources or the network, then run the command again")
            }
        })
    }

    fn fetch(&self, plan: &AptPlan, is_off: &dyn Fn() -> bool) -> Result<(), AptFailure> {
        let mut words = self.words(plan);
        // The hold that the plan ends still stands during the download.
        words.push("--allow-change-held-packages".to_owned());
        words.extend(["--download-only".to_owned(), "install".to_owned(), "--".to_owned()]);
        words.extend(exactly(plan.in_phase(AptPhase::Before)));
        ended(&run_until(is_off, &words)?)
    }

    /// Installs, upgrades and removes exactly the packages that change before the change of the host.
    ///
    /// # Errors
    /// Fails with the reason of the guard, or with the messages of apt.
    pub fn install(&self, plan: &AptPlan) -> Result<(), AptFailure> {
        let mut words = self.words(plan);
        words.extend(self.guard());
        words.extend(["install".to_owned(), "--".to_owned()]);
        words.extend(exactly(plan.in_phase(AptPhase::Before)));
        ended(&run(&words)?)
    }

    /// Installs exactly these files, and changes no other package. No package source is read, so it does not
    /// matter what the sources offer by now.
    ///
    /// # Errors
    /// Fails with the reason of the guard, or with the messages of apt.
    pub fn install_files(&self, plan: &AptPlan, files: &[String]) -> Result<(), AptFailure> {
        let mut words = self.words(plan);
        words.extend(WITHOUT_SOURCES.map(|option| format!("--option={option}")));
        words.extend(self.guard());
        words.extend(["install".to_owned(), "--".to_owned()]);
        words.extend(files.iter().cloned());
        ended(&run(&words)?)
    }

    /// Removes exactly these packages, after the change of the host is committed. `verb`: `remove` or
    /// `purge`, because apt does only one of them in a transaction.
    ///
    /// # Errors
    /// Fails with the reason of the guard, or with the messages of apt.
    pub fn remove(&self, verb: &str, plan: &AptPlan) -> Result<(), AptFailure> {
        let mut words = self.words(plan);
        words.extend(self.guard());
        words.extend([verb.to_owned(), "--".to_owned()]);
        let packages = plan.in_phase(AptPhase::After);
        words.extend(packages.map(|package| format!("{}:{}", package.name, package.architecture)));
        ended(&run(&words)?)
    }

    fn words(&self, plan: &AptPlan) -> Vec<String> {
        let fixed = [
            "apt-get",
            "--quiet=2",
            "--assume-yes",
            "--no-install-recommends",
            "--option=DPkg::Options::=--force-confdef",
            "--option=DPkg::Options::=--force-confold",
            "--option=DPkg::Use-Pty=false",
            // The run has waited for the locks already. This is for a program that is faster.
            "--option=DPkg::Lock::Timeout=60",
        ];
        let mut words: Vec<String> = fixed.map(str::to_owned).to_vec();
        words.push(format!("--option={FIX_BROKEN}"));
        words.extend(self.options.iter().map(|option| format!("--option={option}")));
        let changes = || plan.packages.iter().map(|package| &package.change);
        if changes().any(|change| matches!(change, PackageOperation::Downgrade { .. })) {
            words.push("--allow-downgrades".to_owned());
        }
        if changes().any(|change| matches!(change, PackageOperation::Reinstall { .. })) {
            words.push("--reinstall".to_owned());
        }
        words
    }

    /// Returns the options that make apt start this program just before dpkg.
    fn guard(&self) -> [String; 2] {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._+-".contains(c);
        let plain = self.activator.chars().all(is_plain);
        let program = if plain { self.activator.to_owned() } else { quoted(self.activator) };
        [
            format!("--option=DPkg::Pre-Install-Pkgs::={program} apt-guard"),
            format!("--option=DPkg::Tools::Options::{program}::Version=3"),
        ]
    }
}

/// Completes packages that dpkg has unpacked but not configured. Returns why it failed, if it did: apt may
/// still be able to complete the packages.
#[must_use]
pub fn configure_all() -> Option<String> {
    let argv = ["dpkg", "--force-confdef", "--force-confold", "--configure", "--pending"];
    match run(&argv.map(str::to_owned)) {
        Ok(finished) if finished.success() => None,
        Ok(finished) => Some(finished.why_of_both()),
        Err(AptFailure::Failed(why) | AptFailure::Guarded(why)) => Some(why),
    }
}

/// Sets a mark of packages, as `apt-mark` does. `mark`: `auto`, `manual`, `hold` or `unhold`.
///
/// # Errors
/// Fails with the messages of `apt-mark`.
pub fn mark<'p>(mark: &str, packages: impl Iterator<Item = &'p PackageName>) -> Result<(), AptFailure> {
    let packages: Vec<String> = packages.map(ToString::to_string).collect();
    if packages.is_empty() {
        return Ok(());
    }
    let words = ["apt-mark", "-qq", "--option=DPkg::Lock::Timeout=60", mark, "--"];
    let words: Vec<String> = words.map(str::to_owned).into_iter().chain(packages).collect();
    ended(&run(&words)?)
}

/// Fetches the lists of all package sources that apt sees with these options. If `is_off` returns true
/// meanwhile, apt is killed.
///
/// # Errors
/// Fails with [`Code::Packages`] if a source cannot be reached, or is not signed as declared.
pub fn update(options: &[String], is_off: &dyn Fn() -> bool) -> Result<(), Problem> {
    let words = ["apt-get", "--quiet=2", "--error-on=any", "update"].map(str::to_owned);
    let words: Vec<String> =
        words.into_iter().chain(options.iter().map(|option| format!("--option={option}"))).collect();
    let failed = |why: String| {
        Problem::new(Code::Packages, "the package sources of the host could not be read")
            .because(why)
            .help("run `apt-get update` on the host, and correct the source, its key or the network")
    };
    match run_until(is_off, &words) {
        Ok(finished) if finished.success() => Ok(()),
        Ok(finished) => Err(failed([signatures(&finished), errors(&finished)].concat())),
        Err(AptFailure::Failed(why) | AptFailure::Guarded(why)) => Err(failed(why)),
    }
}

/// Returns the messages of apt about signatures. apt itself treats them as warnings.
fn signatures(finished: &Finished) -> String {
    let lines = finished.stdout.lines().chain(finished.stderr.lines());
    let lines = lines.filter_map(|line| line.strip_prefix("W: ").or_else(|| line.strip_prefix("Warning: ")));
    lines.filter(|line| line.contains("signature")).fold(String::new(), |text, line| text + line + "\n")
}

/// Merges the changes that an interrupted dpkg had begun into its records. Until then, apt refuses to remove
/// anything. No package is configured.
///
/// # Errors
/// Fails with the messages of dpkg.
pub fn merge_interrupted() -> Result<(), AptFailure> {
    // dpkg merges them before it reads its standard input, which is empty.
    ended(&run(&["dpkg", "--set-selections"].map(str::to_owned))?)
}

/// Returns what `apt-get install` needs to change exactly these packages.
fn exactly<'p>(packages: impl Iterator<Item = &'p PackageChange>) -> Vec<String> {
    let word = |package: &PackageChange| match package.change.to() {
        Some(offer) => format!("{}:{}={}", package.name, package.architecture, &*offer.version),
        None => format!("{}:{}-", package.name, package.architecture),
    };
    packages.map(word).collect()
}

fn run(words: &[String]) -> Result<Finished, AptFailure> {
    run_until(&|| false, words)
}

/// As [`run`], but kills the program if `is_off` returns true.
fn run_until(is_off: &dyn Fn() -> bool, words: &[String]) -> Result<Finished, AptFailure> {
    command::run_in(&ENVIRONMENT, words, LIMIT, is_off)
        .map_err(|error| AptFailure::Failed(format!("failed to run {}: {error}", words[0])))
}

fn ended(finished: &Finished) -> Result<(), AptFailure> {
    if finished.success() {
        return Ok(());
    }
    let guarded = finished.stderr.lines().chain(finished.stdout.lines());
    match guarded.filter_map(|line| line.strip_prefix(GUARD)).next_back() {
        Some(why) => Err(AptFailure::Guarded(why.to_owned())),
        None => Err(AptFailure::Failed(errors(finished))),
    }
}

/// Returns the errors that apt or dpkg reported. If there are none, returns the last lines of their output.
fn errors(finished: &Finished) -> String {
    let is_error = |line: &str| ["E: ", "dpkg: error", "Err:"].iter().any(|start| line.starts_with(start));
    let mut of_dpkg = false;
    // dpkg prints the cause of an error in the next line, which begins with a space.
    let lines = finished.stdout.lines().chain(finished.stderr.lines()).filter(|line| {
        let is_cause = of_dpkg && line.starts_with(' ');
        of_dpkg = line.starts_with("dpkg: error");
        is_cause || is_error(line)
    });
    let lines = lines.map(|line| line.strip_prefix("E: ").unwrap_or(line).trim());
    let errors: Vec<&str> = lines.take(10).collect();
    if errors.is_empty() { finished.why_of_both() } else { errors.join("\n") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan() -> AptPlan {
        let offer = |version: &str| {
            json!({
                "version": version, "release": {}, "size": 1, "installedSize": 1, "sha256": "aa",
            })
        };
        let plan = json!({ "fingerprint": "f", "packages": [
            { "name": "app", "architecture": "amd64", "change": "install", "to": offer("1:1.0"),
              "units": null, "cause": "declared", "phase": "before" },
            { "name": "old", "architecture": "amd64", "change": "remove", "from": "2.0",
              "cause": "declared", "phase": "before" },
            { "name": "gone", "architecture": "amd64", "change": "purge", "from": "2.0",
              "cause": "declared", "phase": "after" },
            { "name": "left", "architecture": "i386", "change": "remove", "from": "2.0",
              "cause": "declared", "phase": "after" },
        ] });
        serde_json::from_value(plan).unwrap()
    }

    #[test]
    fn apt_is_given_each_version_and_each_removal() {
        assert_eq!(exactly(plan().in_phase(AptPhase::Before)), ["app:amd64=1:1.0", "old:amd64-"]);
    }

    #[test]
    fn a_transaction_allows_only_what_it_needs() {
        let call = AptCall { activator: "/a", options: &["Dir::Cache=/c".to_owned()] };
        let words = call.words(&plan());
        assert!(words.contains(&"--option=Dir::Cache=/c".to_owned()));
        assert!(words.iter().all(|word| !word.starts_with("--allow") && word != "--reinstall"));
    }
}
