//! The explanation of an error code, for a terminal and for the reference page.

use std::fmt::Write as _;

use nixfleet_contract::problem::Code;

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
