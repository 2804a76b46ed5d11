//! The subcommand `nixfleet explain`.

use nixfleet_contract::SCHEMA;
use nixfleet_contract::problem::{Code, Explanation, Problem};
use serde::Serialize;

use super::Context;
use crate::args::ExplainArgs;
use crate::exit::Exit;
use crate::render;
use nixfleet_operator::stop::Stop;

/// The maximum number of codes that an error about an unknown code suggests.
const SUGGESTED: usize = 3;

/// The JSON document that `explain --json` prints.
#[derive(Serialize)]
struct ExplanationDocument {
    schema: u32,
    command: &'static str,
    codes: Vec<ExplainedCode>,
}

/// An error code with its explanation.
#[derive(Serialize)]
struct ExplainedCode {
    code: Code,
    meaning: &'static str,
    #[serde(flatten)]
    explanation: &'static Explanation,
}

/// Prints the usual causes of error codes, and what to do. Without a code, lists all codes. No host is
/// reached.
///
/// # Errors
/// An error code does not exist.
pub fn execute(args: &ExplainArgs, context: &Context) -> Result<Exit, Stop> {
    let named: Vec<Code> =
        args.codes.iter().map(|word| find(word).ok_or_else(|| unknown(word))).collect::<Result<_, _>>()?;
    if named.is_empty() {
        context.show(&render::codes());
    }
    for (index, code) in named.iter().enumerate() {
        let gap = if index > 0 { "\n" } else { "" };
        context.show(&format!("{gap}{}", render::explanation(*code)));
    }
    if context.output.json {
        let codes = if named.is_empty() { Code::ALL.to_vec() } else { named };
        let document = ExplanationDocument {
            schema: SCHEMA,
            command: context.operation.command,
            codes: codes.into_iter().map(ExplainedCode::of).collect(),
        };
        render::json(&document).map_err(Stop::bug)?;
    }
    Ok(Exit::Good)
}

impl ExplainedCode {
    fn of(code: Code) -> Self {
        Self { code, meaning: code.meaning(), explanation: code.explanation() }
    }
}

/// Returns the code that a word names: `NF-402`, `nf-402`, `402`, or `[NF-402]` as in an error.
fn find(word: &str) -> Option<Code> {
    let name = name(word);
    Code::ALL.into_iter().find(|code| code.as_str() == name)
}

/// Returns a word in the form of a code, such as `NF-402`.
fn name(word: &str) -> String {
    let word = word.trim_matches(['[', ']']).to_uppercase();
    if word.starts_with("NF-") { word } else { format!("NF-{word}") }
}

fn unknown(word: &str) -> Problem {
    let near = near(&name(word));
    let help = match near.as_slice() {
        [] => "list all codes: nixfleet explain".to_owned(),
        near => {
            format!("check the code: did you mean {}? list all codes: nixfleet explain", near.join(" or "))
        }
    };
    Problem::new(Code::Usage, "there is no such error code")
        .at(word)
        .because("an error code is `NF-` and a number, such as NF-402")
        .help(help)
}

/// Returns the codes that differ from a name in one place, such as a wrong digit or two swapped digits. The
/// codes with the nearest numbers come first.
fn near(name: &str) -> Vec<&'static str> {
    let number = |name: &str| name.trim_start_matches("NF-").parse::<u32>().unwrap_or_default();
    let mut near: Vec<&str> = Code::ALL
        .iter()
        .map(|code| code.as_str())
        .filter(|code| strsim::osa_distance(name, code) == 1)
        .collect();
    near.sort_by_key(|code| number(code).abs_diff(number(name)));
    near.truncate(SUGGESTED);
    near
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_in_every_form_in_which_it_is_written() {
        for word in ["NF-402", "nf-402", "402", "[NF-402]"] {
            assert_eq!(find(word), Some(Code::Conflict), "{word}");
        }
        assert_eq!([find("NF-999"), find(""), find("conflict")], [None; 3]);
    }

    #[test]
    fn the_nearest_codes_are_suggested() {
        assert_eq!(near(&name("419")), ["NF-418", "NF-417", "NF-416"]);
        assert_eq!(near(&name("NF-4022")), ["NF-422", "NF-402"]);
        assert_eq!(near(&name("NF-042")), ["NF-402"]);
        assert!(near(&name("NF-999")).is_empty());
        assert!(near(&name("")).is_empty());
    }
}
