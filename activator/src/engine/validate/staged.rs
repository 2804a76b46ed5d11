//! Runs the validation commands of files on their staged content.
//!
//! The commands run before new accounts are created, but may need these accounts. For example, a server
//! rejects a configuration that names an unknown user. Therefore, the commands see the account files as they
//! will be after the change.

use nixfleet_contract::manifest::{Entry, FileEntry};
use nixfleet_contract::problem::Problem;
use nixfleet_contract::step::AccountStep;
use nixfleet_contract::step::paths::WriteFile;

use crate::engine::family::accounts::entry::AccountEntry;
use crate::engine::family::paths::entry::PathEntry;
use crate::engine::plan::target::Target;
use crate::engine::transaction::journal::Journal;
use crate::engine::validate::question::{Question, ask};
use crate::engine::validate::subject::Subject;
use crate::host::Host;

/// Validates the staged content. Returns notes about what the commands could not see.
///
/// # Errors
/// Fails with [`nixfleet_contract::problem::Code::Validation`]. At that point, no managed path and no account
/// has been changed yet.
pub fn validate(host: &Host, target: &Target, journal: &Journal) -> Result<Vec<String>, Problem> {
    let questions: Vec<Question> =
        journal.paths().filter_map(|entry| question(host, target, entry)).collect();
    let accounts: Vec<AccountStep> =
        journal.accounts().filter(|entry| entry.makes_account()).map(AccountEntry::step).collect();
    // In a directory tree that is not a machine, no command uses the account files of the tree.
    if questions.is_empty() || accounts.is_empty() || !host.is_machine() {
        return first(ask(&questions)).map_or_else(|| Ok(Vec::new()), Err);
    }
    let subject = Subject { accounts, questions, ..Subject::default() };
    match crate::engine::validate::previewed(&subject) {
        Ok(verdict) => first(verdict.refused).map_or_else(|| Ok(Vec::new()), Err),
        Err(why) => {
            let note = format!("the commands that validate files did not see the new accounts ({why})");
            match first(ask(&subject.questions)) {
                None => Ok(vec![note]),
                Some(problem) => {
                    let refusal = problem.why.clone().unwrap_or_default();
                    Err(problem.because(format!("{refusal}\n{note}")))
                }
            }
        }
    }
}

fn question(host: &Host, target: &Target, entry: &PathEntry) -> Option<Question> {
    let PathEntry::WriteFile { step: WriteFile { path, .. }, slot, .. } = entry else { return None };
    let Some(Entry::File(FileEntry { validate: Some(argv), access, .. })) = target.manifest.entries.get(path)
    else {
        return None;
    };
    Some(Question {
        path: path.clone(),
        argv: argv.clone(),
        content: host.path(&slot.place),
        access: None,
        private: target.manifest.is_private(path, access),
    })
}

fn first(refusals: Vec<Problem>) -> Option<Problem> {
    refusals.into_iter().next()
}
