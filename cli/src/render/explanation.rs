//! The explanations of error codes, for a terminal and for the reference page.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use nixfleet_contract::problem::{Code, Problem};

use super::table;

/// Formats a list of all codes for a terminal.
pub fn codes() -> String {
    table(&["code", "meaning"], Code::ALL.map(|code| vec![code.to_string(), code.meaning().to_owned()]))
}

/// Formats the explanation of a code for a terminal.
pub fn explanation(code: Code) -> String {
    let explanation = code.explanation();
    let mut text = format!("[{code}] {}\n\nUsual causes, and what to do:\n", code.meaning());
    for usual in explanation.causes {
        let _ = writeln!(text, "  - {}\n    {}", usual.cause, usual.remedy);
    }
    let _ = writeln!(
        text,
        "\nChanged on the host:\n  {}\n\nMore: docs/{}",
        explanation.changed, explanation.page
    );
    text
}

/// Formats the explanation of a code as a section of the reference page, in Markdown.
pub fn explanation_section(code: Code) -> String {
    let explanation = code.explanation();
    let mut section = format!("## {code}\n\n{}\n\n| cause | what to do |\n| --- | --- |\n", code.meaning());
    for usual in explanation.causes {
        let _ = writeln!(section, "| {} | {} |", usual.cause, usual.remedy);
    }
    let _ = writeln!(
        section,
        "\n**Changed on the host.** {}\n\nMore: [{}](../{})",
        explanation.changed, explanation.title, explanation.page
    );
    section
}

/// Returns the command that explains the errors of a run; `None` if no error needs an explanation. A wrong
/// command line and a mistake in the fleet need none: the error itself shows what to correct.
pub fn how_to_explain<'a>(problems: impl Iterator<Item = &'a Problem>) -> Option<String> {
    let is_explained = |code: &Code| !matches!(code, Code::Usage | Code::Evaluation);
    let codes: BTreeSet<Code> = problems.map(|problem| problem.code).filter(is_explained).collect();
    let names: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    (!names.is_empty()).then(|| format!("usual causes, and what to do: nixfleet explain {}", names.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_of_a_run_is_explained_once_by_one_command() {
        let told = |codes: &[Code]| {
            let problems: Vec<Problem> = codes.iter().map(|code| Problem::new(*code, "x")).collect();
            how_to_explain(problems.iter())
        };
        assert_eq!(
            told(&[Code::HealthCheck, Code::Conflict, Code::Conflict, Code::Usage]).as_deref(),
            Some("usual causes, and what to do: nixfleet explain NF-402 NF-418")
        );
        assert_eq!(told(&[Code::Usage, Code::Evaluation]), None);
        assert_eq!(told(&[]), None);
    }
}
