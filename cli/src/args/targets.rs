//! Arguments that select hosts. Most subcommands have them.

use std::num::NonZeroUsize;

use nixfleet_contract::fleet::Base;
use nixfleet_contract::problem::Problem;

use super::count::count;
use super::{FlakeArgs, OutputArgs};
use nixfleet_operator::inventory::Selection;
use nixfleet_operator::operation::{Connections, Targets};

/// Selectors of hosts. A host must match one selector of each kind that is given; without selectors, every
/// host is selected.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Targets")]
pub struct SelectionArgs {
    /// Select hosts by an expression as for --on, such as web-1, 'web-*', @TAG or 'all and not @canary'
    #[arg(value_name = "SELECTOR", help_heading = None::<&str>)]
    pub selector: Vec<String>,

    /// Select hosts by name; a list or a pattern such as 'web-*' selects several hosts
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,

    /// Select hosts that carry this tag; the groups all, ubuntu and nixos always exist
    #[arg(long = "tag", visible_alias = "group", value_name = "TAG")]
    pub tag: Vec<String>,

    /// Select hosts that have this role
    #[arg(long, value_name = "ROLE")]
    pub role: Vec<String>,

    /// Select hosts that have this base: ubuntu or nixos
    #[arg(long, value_name = "BASE", value_parser = base, value_delimiter = ',')]
    pub base: Vec<Base>,

    /// Select hosts by an expression: names, patterns or lists of them, @TAG, role:NAME, base:NAME, with and,
    /// or, not (or !) and parentheses, for example 'web-* and @prod and not @canary'
    #[arg(long, value_name = "EXPRESSION")]
    pub on: Vec<String>,
}

impl SelectionArgs {
    /// Returns the selection of hosts that these arguments describe.
    pub fn selection(&self) -> Selection {
        Selection {
            hosts: self.host.clone(),
            tags: self.tag.clone(),
            roles: self.role.clone(),
            bases: self.base.clone(),
            expressions: self.expressions(),
        }
    }

    /// Returns all expressions: those of `--on`, and the positional arguments. If a positional argument is an
    /// operator such as `and`, the shell has split one expression, so all positional arguments are joined
    /// again.
    fn expressions(&self) -> Vec<String> {
        let is_one = self.selector.iter().any(|word| matches!(word.as_str(), "and" | "or" | "not" | "!"));
        let bare = if is_one { vec![self.selector.join(" ")] } else { self.selector.clone() };
        self.on.iter().cloned().chain(bare).collect()
    }
}

/// Arguments that select hosts, and limits for connections to them.
#[derive(Clone, Debug, clap::Args)]
pub struct TargetArgs {
    #[command(flatten)]
    pub flake: FlakeArgs,

    #[command(flatten)]
    pub selection: SelectionArgs,

    /// Work on at most this many hosts at once [default: 16, or the limit that the inventory sets for
    /// rollouts]
    #[arg(long, value_name = "N", help_heading = "Targets", value_parser = count)]
    pub parallel: Option<NonZeroUsize>,

    /// Time limit for a host to accept a connection, in seconds [default: timeouts.connect of the inventory]
    #[arg(long, value_name = "SECONDS", help_heading = "Targets")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=600))]
    pub connect_timeout: Option<u64>,

    /// Retry a host that does not answer this many times, after 1, 2, 4 … seconds
    #[arg(long, value_name = "N", default_value = "0", help_heading = "Targets")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=20))]
    pub connect_retries: u32,
}

impl TargetArgs {
    /// Returns the targets: the selection of hosts, and the limits for connections to them.
    ///
    /// # Errors
    /// The current directory cannot be read.
    pub fn targets(&self, output: OutputArgs) -> Result<Targets, Problem> {
        Ok(Targets {
            fleet: self.flake.request(output)?,
            selection: self.selection.selection(),
            connections: Connections {
                parallel: self.parallel,
                connect_timeout: self.connect_timeout,
                connect_retries: self.connect_retries,
            },
        })
    }
}

/// Parses a base by its name in the inventory.
pub fn base(word: &str) -> Result<Base, String> {
    match word {
        "ubuntu" => Ok(Base::Ubuntu),
        "nixos" => Ok(Base::Nixos),
        _ => Err("expected ubuntu, which is Debian's too, or nixos".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expressions(words: &[&str], on: &[&str]) -> Vec<String> {
        let [selector, on] = [words, on].map(|words| words.iter().map(ToString::to_string).collect());
        SelectionArgs { selector, on, ..SelectionArgs::default() }.expressions()
    }

    #[test]
    fn bare_words_are_one_expression_if_the_shell_has_cut_one() {
        assert_eq!(expressions(&["web-1", "role:backup"], &["db-1"]), ["db-1", "web-1", "role:backup"]);
        assert_eq!(expressions(&["web-*", "and", "not", "@prod"], &[]), ["web-* and not @prod"]);
        assert_eq!(expressions(&["!", "@prod"], &[]), ["! @prod"]);
        assert!(SelectionArgs::default().selection().is_everything());
    }
}
