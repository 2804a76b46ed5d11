//! The answers that debconf has to the questions of packages, read with `debconf-show` and set with
//! `debconf-set-selections`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use nixfleet_contract::apt::answer::AnswerChange;
use nixfleet_contract::problem::{Code, Problem};

use super::{QUESTION, answer};
use crate::host::command;

/// The program that sets answers.
const SET: &str = "debconf-set-selections";

/// Answers by the names of their questions. A question without an answer has an empty text.
pub type Answers = BTreeMap<String, String>;

/// Returns the answers to the questions of packages. A question that debconf does not know is missing.
/// `packages`: names without an architecture.
///
/// # Errors
/// Fails with [`Code::Packages`] if this machine has no debconf, or debconf does not answer.
pub fn read(packages: &BTreeSet<&str>) -> Result<Answers, Problem> {
    if !Path::new("/usr/bin").join(SET).exists() {
        return Err(Problem::new(Code::Packages, "the questions of packages cannot be answered")
            .at("nixfleet.apt.packages")
            .because("debconf is not installed on the host")
            .help(
                "install it first: apply nixfleet.apt.packages.debconf = { }; without `debconf` of others",
            ));
    }
    let argv: Vec<&str> = ["debconf-show"].into_iter().chain(packages.iter().copied()).collect();
    Ok(parse(&answer(&argv)?))
}

/// Parses lines such as `* app/port: 80`. A star marks a question that debconf has asked.
fn parse(shown: &str) -> Answers {
    let of_line = |line: &str| {
        let question = line.strip_prefix("* ").or_else(|| line.strip_prefix("  "))?;
        let (name, value) = question.split_once(':')?;
        Some((name.to_owned(), value.strip_prefix(' ').unwrap_or(value).to_owned()))
    };
    shown.lines().filter_map(of_line).collect()
}

/// Sets answers, and marks their questions as asked. The answers are sent over standard input.
///
/// # Errors
/// Fails with [`Code::Packages`] if debconf does not accept the answers. It accepts all of them or none.
pub fn set(answers: &[AnswerChange]) -> Result<(), Problem> {
    if answers.is_empty() {
        return Ok(());
    }
    let failed = |why: String| {
        Problem::new(Code::Packages, "the questions of packages could not be answered")
            .at("nixfleet.apt.packages")
            .because(why)
            .help("end the program that uses debconf, such as dpkg-reconfigure, then apply again")
    };
    match command::run_with(&[SET], selections(answers).into_bytes(), QUESTION) {
        Ok(finished) if finished.success() => Ok(()),
        Ok(finished) => Err(failed(finished.why_of_both())),
        Err(error) => Err(failed(format!("failed to run {SET}: {error}"))),
    }
}

/// Returns a line for each answer: the package, the question, its type and the answer.
fn selections(answers: &[AnswerChange]) -> String {
    let mut lines = String::new();
    for AnswerChange { package, question, kind, to, .. } in answers {
        // Writing to a string never fails.
        let _ = writeln!(lines, "{} {question} {} {to}", package.plain(), kind.as_str());
    }
    lines
}

#[cfg(test)]
mod tests {
    use nixfleet_contract::apt::QuestionType;

    use super::*;

    #[test]
    fn answers_are_read_with_their_spaces_and_colons() {
        let shown = "* app/mode: Internet Site\n  app/none:\n* app/url: http://a:1/ \n\
                       \x20 app/key: (password omitted)\nodd\n";
        let expected = [
            ("app/key", "(password omitted)"),
            ("app/mode", "Internet Site"),
            ("app/none", ""),
            ("app/url", "http://a:1/ "),
        ];
        assert_eq!(parse(shown), expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    #[test]
    fn an_answer_is_one_line_for_the_package_without_its_architecture() {
        let of = |package: &str, kind, to: &str| AnswerChange {
            package: package.parse().unwrap(),
            question: "app/mode".to_owned(),
            kind,
            from: None,
            to: to.to_owned(),
            is_late: false,
        };
        let answers =
            [of("app:i386", QuestionType::Select, "Internet Site"), of("lib", QuestionType::Boolean, "")];
        assert_eq!(selections(&answers), "app app/mode select Internet Site\nlib app/mode boolean \n");
    }
}
