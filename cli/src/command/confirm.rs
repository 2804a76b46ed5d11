//! Asks the user for confirmation before hosts are changed.

use std::io::{self, BufRead, IsTerminal, Write};

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_operator::stop::Stop;

use super::Context;

/// Checks that the user can be asked for confirmation. With `yes`, the check always succeeds.
///
/// # Errors
/// The user cannot be asked, and `--yes` is missing.
pub fn check(yes: bool, context: &Context) -> Result<(), Problem> {
    let refuse = |why: &str| {
        // The help text does not repeat the user's command: without its selectors and flags, the command
        // would select other hosts or do other work.
        let look = match context.operation.command {
            "apply" => "inspect the plan first: nixfleet plan",
            _ => "inspect the plan first: use --dry-run instead",
        };
        Err(Problem::new(Code::Usage, "the change must be approved, but the command cannot ask")
            .because(why)
            .help(format!("add --yes to this command; or {look}")))
    };
    if yes {
        Ok(())
    } else if context.output.is_for_programs() {
        refuse(if context.output.json { "--json never asks" } else { "--events never asks" })
    } else if io::stdin().is_terminal() {
        Ok(())
    } else {
        refuse("standard input is not a terminal")
    }
}

/// Asks the user a question on the terminal. Any answer other than yes counts as no.
///
/// # Errors
/// Standard input or standard error is broken.
pub async fn ask(question: String) -> Result<bool, Stop> {
    // Reading from a terminal blocks, and the only thread of the runtime must stay free to handle Ctrl-C.
    let asked = tokio::task::spawn_blocking(move || -> io::Result<bool> {
        let mut terminal = anstream::stderr();
        write!(terminal, "{question} [y/N] ")?;
        terminal.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    });
    asked.await?.map_err(Stop::bug)
}
