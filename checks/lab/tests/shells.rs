//! Tests of NixFleet's Nix package in the operator's shells: real bash, fish and zsh complete names of the
//! fleet, and `man` shows a page for each command.

use std::collections::BTreeSet;

use nixfleet_lab::lab::Lab;

use crate::stage::{applies, lone, outcomes_of};

/// The hosts, tags, groups and roles of the demo's fleet, as selectors.
const SELECTORS: &str = "db-1 web-1 web-2 all @db @prod @web @all @ubuntu @nixos role:db role:web";
/// All commands that are not hidden.
const COMMANDS: &str = "plan apply status check rollback os-update reboot run history hosts bootstrap host \
                        doctor forget import gc backups explain completions help";

/// The user `ada`, whose bash has the package in its environment.
struct Ada<'a> {
    lab: &'a Lab,
    /// The store path of the package.
    package: String,
}

impl Ada<'_> {
    /// Runs a line and returns its standard output. The line must succeed, and print nothing to standard
    /// error.
    #[track_caller]
    fn types(&self, line: &str) -> String {
        let profile = format!(
            "export PATH={package}/bin:$PATH XDG_DATA_DIRS={package}/share:/usr/share \
             FPATH={package}/share/zsh/site-functions:$(zsh -fc 'print $FPATH')",
            package = self.package,
        );
        let finished = self.lab.operator().unwrap().types(&format!("{profile}\n{line}")).unwrap();
        assert_eq!((finished.code, finished.stderr.as_str()), (0, ""), "{finished}");
        finished.stdout
    }

    /// Returns the completions that fish offers for a line, without their descriptions.
    fn fish(&self, line: &str) -> String {
        let said =
            self.types(&format!("fish --command {}", quoted(&format!("complete -C {}", quoted(line)))));
        words(said.lines().map(|line| line.split('\t').next().unwrap_or_default()))
    }

    /// Returns the line after zsh has completed it, and the completions that zsh offers for it.
    fn zsh(&self, line: &str) -> (String, String) {
        let script = "/srv/nixfleet/checks/lab/tests/shells/tab.zsh";
        let said = self.types(&format!("zsh -f {script} {}", quoted(line)));
        let (line, offered) = said.split_once('\n').unwrap();
        (line.to_owned(), words(offered.lines()))
    }

    /// Returns the completions that bash offers for a line, after it has loaded the package's completion
    /// script.
    fn bash(&self, line: &str) -> String {
        let script = format!(
            ". /usr/share/bash-completion/bash_completion; _comp_load nixfleet; COMP_LINE={line}; \
             COMP_POINT=${{#COMP_LINE}} COMP_WORDS=(${{COMP_LINE%% *}}); _nixfleet; echo \"${{COMPREPLY[*]}}\"",
            line = quoted(line),
        );
        self.types(&script).trim_end().to_owned()
    }
}

/// Quotes a word for any of the shells. No line in this test has a single quote.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn words<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.collect::<Vec<_>>().join(" ")
}

/// Applies the first generation to web-1, and builds the package that NixFleet's own flake defines.
fn installed(lab: &Lab) -> Ada<'_> {
    assert_eq!(applies(lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
    let build = "nix build --no-link --print-out-paths --no-write-lock-file --override-input nixpkgs path:/srv/nixpkgs \
                 path:/srv/nixfleet#nixfleet";
    let path = lab.operator().unwrap().types(build).unwrap().success().unwrap();
    Ada { lab, package: path.line().to_owned() }
}

#[test]
fn the_package_completes_in_real_shells_and_has_a_manual_page_for_each_command() {
    let lab = lone("web-1");
    let ada = installed(&lab);
    let rollout = ada.types("basename --suffix .jsonl ~/.local/state/nixfleet/rollouts/*").trim().to_owned();
    every_shell_offers_what_fits(&ada, &rollout);
    what_is_typed_may_be_quoted(&ada);
    every_command_has_a_page(&ada);
}

fn every_shell_offers_what_fits(ada: &Ada<'_>, rollout: &str) {
    for (line, offered) in [
        ("nixfleet plan ", SELECTORS),
        ("nixfleet --json plan ", SELECTORS),
        ("nixfleet apply web", "web-1 web-2"),
        ("nixfleet apply --host db-1,w", "db-1,web-1 db-1,web-2"),
        ("nixfleet apply --tag p", "prod"),
        ("nixfleet rollback --to ", "previous 1"),
        ("nixfleet rollback --rollout ", rollout),
        ("nixfleet apply --dry", "--dry-run"),
        ("nixfleet ", COMMANDS),
        ("nixfleet explain NF-20", "NF-201 NF-202 NF-203"),
        // These lines begin the names of hidden commands, which no shell offers.
        ("nixfleet ma", ""),
        ("nixfleet docs", ""),
        ("nixfleet __", ""),
        // For other arguments, file names are completed.
        ("nixfleet apply --plan fleet", "fleet.nix"),
    ] {
        assert_eq!(ada.fish(line), offered, "fish: {line}");
        assert_eq!(ada.zsh(line).1, offered, "zsh: {line}");
        // bash completes file names by itself, without the package.
        if !line.contains("--plan") {
            assert_eq!(ada.bash(line), offered, "bash: {line}");
        }
    }
    assert_eq!(ada.fish("nixfleet apply --host=w"), "--host=web-1 --host=web-2");
    assert_eq!(ada.bash("nixfleet apply --host=w"), "web-1 web-2", "bash has the flag already");
    assert!(ada.types("fish --command 'complete -C \"nixfleet pl\"'").contains("plan\tShow what"));
    for (line, becomes) in [
        ("nixfleet apply web", "nixfleet apply web-"),
        ("nixfleet apply --host=d", "nixfleet apply --host=db-1 "),
        ("nixfleet plan role:d", "nixfleet plan role:db "),
        ("nixfleet plan @p", "nixfleet plan @prod "),
        ("nixfleet roll", "nixfleet rollback "),
        ("nixfleet ma", "nixfleet ma"),
    ] {
        assert_eq!(ada.zsh(line).0, becomes);
    }
}

fn what_is_typed_may_be_quoted(ada: &Ada<'_>) {
    ada.types("mkdir ~/bin && ln -s /usr/local/bin/nixfleet ~/bin");
    for line in
        ["~/bin/nixfleet plan web", "nixfleet plan \"web", "nixfleet plan --flake \"/home/ada/fleet\" web"]
    {
        assert_eq!(ada.fish(line), "web-1 web-2", "fish: {line}");
        assert_eq!(ada.zsh(line).1, "web-1 web-2", "zsh: {line}");
    }
    assert_eq!(ada.bash("~/bin/nixfleet plan web"), "web-1 web-2");
    // A shell may read the completions in its start-up file, as the manual describes.
    let script = "zsh -f /srv/nixfleet/checks/lab/tests/shells/tab.zsh 'nixfleet rollback --to p'";
    let said = ada.types(&format!("unset FPATH; {script} 'source <(nixfleet completions zsh)'"));
    assert_eq!(said, "nixfleet rollback --to previous \nprevious\n");
}

fn every_command_has_a_page(ada: &Ada<'_>) {
    let pages = ada.types("ls ${PATH%%/bin:*}/share/man/man1");
    let pages: BTreeSet<&str> = pages.lines().filter_map(|page| page.strip_suffix(".1")).collect();
    // The command `help` has no manual page.
    for command in COMMANDS.split(' ').filter(|command| *command != "help") {
        assert!(pages.contains(format!("nixfleet-{command}").as_str()), "{command}: {pages:?}");
    }
    for page in ["nixfleet", "nixfleet-host-adopt", "nixfleet-history-show", "nixfleet-backups-drop"] {
        assert!(pages.contains(page), "{page}: {pages:?}");
    }
    for page in pages {
        // `man` finds the page by its name. If groff printed a warning to standard error, the test would
        // fail.
        let shown = ada.types(&format!("MANWIDTH=100 LC_ALL=C.UTF-8 man --warnings=w {page} | cat"));
        for saying in ["NAME", "SYNOPSIS", page] {
            assert!(shown.contains(saying), "{page} has no `{saying}`:\n{shown}");
        }
    }
}
