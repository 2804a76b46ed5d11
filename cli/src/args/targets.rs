//! Which hosts: the same flags for every subcommand.

use std::num::NonZeroUsize;

use nixfleet_contract::fleet::Base;
use nixfleet_contract::problem::Problem;

use super::count::count;
use super::{FlakeArgs, OutputArgs};
use nixfleet_operator::inventory::Selection;
use nixfleet_operator::operation::{Connections, Targets};

/// Selectors. Several of one kind add up; different kinds narrow each other down; none at all means every
/// host.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Targets")]
pub struct SelectionArgs {
    /// Hosts: an expression as for --on, such as web-1, 'web-*', @TAG or 'all and not @canary'
    #[arg(value_name = "SELECTOR", help_heading = None::<&str>)]
    pub selector: Vec<String>,

    /// A host by name, or several by a list or a pattern such as 'web-*'
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,

    /// Hosts that carry a tag; all, ubuntu and nixos are groups that exist always
    #[arg(long = "tag", visible_alias = "group", value_name = "TAG")]
    pub tag: Vec<String>,

    /// Hosts that play a role
    #[arg(long, value_name = "ROLE")]
    pub role: Vec<String>,

    /// Hosts that run this base
    #[arg(long, value_name = "BASE", value_parser = base, value_delimiter = ',')]
    pub base: Vec<Base>,

    /// An expression: names, patterns or lists of them, @TAG, role:NAME, base:NAME, with and, or, not (or !)
    /// and parentheses, for example 'web-* and @prod and not @canary'
    #[arg(long, value_name = "EXPRESSION")]
    pub on: Vec<String>,
}

impl SelectionArgs {
    /// The selection that the flags describe.
    pub fn selection(&self) -> Selection {
        Selection {
            hosts: self.host.clone(),
            tags: self.tag.clone(),
            roles: self.role.clone(),
            bases: self.base.clone(),
            expressions: self.expressions(),
        }
    }

    /// The expressions that were written: those of `--on`, and the bare arguments. Bare arguments with a word
    /// of the language among them are one expression, which the shell has cut.
    fn expressions(&self) -> Vec<String> {
        let is_one = self.selector.iter().any(|word| matches!(word.as_str(), "and" | "or" | "not" | "!"));
        let bare = if is_one { vec![self.selector.join(" ")] } else { self.selector.clone() };
        self.on.iter().cloned().chain(bare).collect()
    }
}

/// Hosts, and how many at once.
#[derive(Clone, Debug, clap::Args)]
pub struct TargetArgs {
    #[command(flatten)]
    pub flake: FlakeArgs,

    #[command(flatten)]
    pub selection: SelectionArgs,

    /// How many hosts to work on at once [default: 16, or what the inventory says of rollouts]
    #[arg(long, value_name = "N", help_heading = "Targets", value_parser = count)]
    pub parallel: Option<NonZeroUsize>,

    /// Seconds to wait for a host to accept a connection. Without it, what the inventory says:
    /// timeouts.connect
    #[arg(long, value_name = "SECONDS", help_heading = "Targets")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=600))]
    pub connect_timeout: Option<u64>,

    /// How often a host that does not answer is tried again, after 1, 2, 4 … seconds
    #[arg(long, value_name = "N", default_value = "0", help_heading = "Targets")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=20))]
    pub connect_retries: u32,
}

impl TargetArgs {
    /// The hosts that the flags describe.
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

/// Reads a base by the word that the inventory uses.
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
