//! The subcommand `nixfleet explain`.

use nixfleet_contract::SCHEMA;
use nixfleet_contract::problem::{Code, Explanation, Problem};
use serde::Serialize;

use super::Context;
use crate::args::ExplainArgs;
use crate::exit::Exit;
use crate::render;
use nixfleet_operator::stop::Stop;

/// The JSON document that `explain --json` prints.
#[derive(Serialize)]
struct ExplanationDocument {
    schema: u32,
    command: &'static str,
    code: Code,
    meaning: &'static str,
    #[serde(flatten)]
    explanation: &'static Explanation,
}

/// Prints the usual causes of an error code, and what to do. No host is reached.
///
/// # Errors
/// The error code does not exist.
pub fn execute(args: &ExplainArgs, context: &Context) -> Result<Exit, Stop> {
    let code = find(&args.code).ok_or_else(|| unknown(&args.code))?;
    context.show(&render::explanation(code));
    if context.output.json {
        let document = ExplanationDocument {
            schema: SCHEMA,
            command: context.operation.command,
            code,
            meaning: code.meaning(),
            explanation: code.explanation(),
        };
        render::json(&document).map_err(Stop::bug)?;
    }
    Ok(Exit::Good)
}

/// Returns the code that a word names: `NF-402`, `nf-402`, `402`, or `[NF-402]` as in an error.
fn find(word: &str) -> Option<Code> {
    let word = word.trim_matches(['[', ']']);
    let is_meant = |code: &Code| {
        let name = code.as_str();
        name.eq_ignore_ascii_case(word) || name.strip_prefix("NF-") == Some(word)
    };
    Code::ALL.into_iter().find(is_meant)
}

fn unknown(word: &str) -> Problem {
    Problem::new(Code::Usage, "there is no such error code")
        .at(word)
        .because("an error code is `NF-` and a number, such as NF-402")
        .help("write the code of an error; docs/reference/errors.md lists all codes")
}
