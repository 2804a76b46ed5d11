//! The answers to questions of debconf that differ from the declared ones.

use std::collections::BTreeSet;

use nixfleet_contract::apt::QuestionType;
use nixfleet_contract::apt::answer::AnswerChange;
use nixfleet_contract::apt::declared::{DebconfAnswer, DeclaredPackage, DeclaredPackages};
use nixfleet_contract::plan::Drift;
use nixfleet_contract::problem::Problem;
use nixfleet_contract::values::PackageName;

use crate::host::apt::debconf::{self, Answers};
use crate::host::apt::dpkg::HostPackages;

/// Returns the answers that change on this machine, sorted. debconf is asked only if an answer is declared.
///
/// # Errors
/// Fails with [`nixfleet_contract::problem::Code::Packages`] if debconf does not answer.
pub fn changes(declared: &DeclaredPackages, host: &HostPackages) -> Result<Vec<AnswerChange>, Problem> {
    let packages: BTreeSet<&str> = of(declared).map(|(name, _)| name.plain()).collect();
    if packages.is_empty() {
        return Ok(Vec::new());
    }
    Ok(differing(declared, host, &debconf::read(&packages)?))
}

/// Returns a difference for each changed answer of an installed package. An answer for a package that is not
/// installed yet does not count as a difference.
pub fn drift(changes: &[AnswerChange]) -> impl Iterator<Item = Drift> {
    changes.iter().filter(|change| change.is_late).map(|change| {
        let from = change.from.as_deref().unwrap_or("none");
        let what = format!("answer to {}: {} → {from}", change.question, change.to);
        Drift { subject: format!("package {}", change.package), what }
    })
}

/// Returns a note for each installed package that got other answers. NixFleet does not run
/// `dpkg-reconfigure`, because this program runs the scripts of the package again, which may overwrite files
/// and restart services.
pub fn notes(changes: &[AnswerChange]) -> impl Iterator<Item = String> {
    let late: BTreeSet<&PackageName> =
        changes.iter().filter(|change| change.is_late).map(|change| &change.package).collect();
    late.into_iter().map(|package| {
        format!(
            "{package} was installed before it got its new answers, and uses them when it is next upgraded; \
             to use them now, run `dpkg-reconfigure --frontend=noninteractive {package}` on the host"
        )
    })
}

/// The declared answers, with their packages.
fn of(declared: &DeclaredPackages) -> impl Iterator<Item = (&PackageName, &DebconfAnswer)> {
    declared.packages.iter().flat_map(|(name, package)| {
        let answers = match package {
            DeclaredPackage::Present(present) => present.debconf.as_slice(),
            DeclaredPackage::Absent {} | DeclaredPackage::Purged {} => &[],
        };
        answers.iter().map(move |answer| (name, answer))
    })
}

fn differing(declared: &DeclaredPackages, host: &HostPackages, known: &Answers) -> Vec<AnswerChange> {
    let change = |(name, answer): (&PackageName, &DebconfAnswer)| {
        let DebconfAnswer { question, kind, value } = answer;
        let from = known.get(question);
        let is_same = from.is_some_and(|from| normal(*kind, from) == normal(*kind, value));
        (!is_same).then(|| AnswerChange {
            package: name.clone(),
            question: question.clone(),
            kind: *kind,
            from: from.cloned(),
            to: value.clone(),
            is_late: host.installed(name).is_some(),
        })
    };
    let mut changes: Vec<_> = of(declared).filter_map(change).collect();
    changes.sort();
    changes
}

/// Returns an answer without the spaces that debconf ignores. Packages write the words of a `multiselect`
/// with and without a space after each comma.
fn normal(kind: QuestionType, answer: &str) -> String {
    match kind {
        QuestionType::Multiselect => answer.split(',').map(str::trim).collect::<Vec<_>>().join(","),
        QuestionType::Boolean | QuestionType::String | QuestionType::Select => answer.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::host::apt::dpkg::{DpkgPackage, DpkgStatus};

    fn changed(packages: &Value, known: &[(&str, &str)]) -> Vec<AnswerChange> {
        let version = "1.0".parse().ok();
        let installed = DpkgPackage {
            status: DpkgStatus::Installed,
            version,
            is_held: false,
            is_automatic: false,
            is_vital: false,
        };
        let host = HostPackages {
            architecture: "amd64".to_owned(),
            packages: [("here".parse().unwrap(), installed)].into(),
        };
        let known = known.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let declared = serde_json::from_value(json!({ "packages": packages })).unwrap();
        differing(&declared, &host, &known.collect())
    }

    fn answer(question: &str, kind: &str, value: &str) -> Value {
        json!({ "question": question, "type": kind, "value": value })
    }

    #[test]
    fn an_answer_that_debconf_has_is_not_set_again() {
        let packages = json!({ "new": { "state": "present", "debconf": [
            answer("new/empty", "string", ""), answer("new/port", "string", "80"),
            answer("new/words", "multiselect", "a,b"),
        ] }, "gone": { "state": "purged" } });
        let known = [("new/empty", ""), ("new/port", "80"), ("new/words", "a, b")];
        assert!(changed(&packages, &known).is_empty());
        // Without an answer, a question gets the default of its package.
        let questions: Vec<_> = changed(&packages, &known[1..]).into_iter().map(|it| it.question).collect();
        assert_eq!(questions, ["new/empty"]);
    }

    #[test]
    fn an_answer_of_an_installed_package_is_drift_and_noted_once() {
        let answers = [answer("here/a", "boolean", "true"), answer("here/b", "string", "x")];
        let packages = json!({
            "here": { "state": "present", "debconf": answers },
            "new": { "state": "present", "debconf": [answer("new/port", "string", "80")] },
        });
        let changes = changed(&packages, &[("here/a", "false")]);
        let drift: Vec<_> =
            drift(&changes).map(|drift| format!("{}: {}", drift.subject, drift.what)).collect();
        assert_eq!(
            drift,
            ["package here: answer to here/a: true → false", "package here: answer to here/b: x → none"]
        );
        let notes: Vec<_> = notes(&changes).collect();
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].contains("dpkg-reconfigure --frontend=noninteractive here"), "{notes:?}");
    }
}
