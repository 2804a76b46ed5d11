//! Creates the journal of a new transaction from a plan.

use nixfleet_contract::generation::Generation;
use nixfleet_contract::holder::Holder;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::step::{AccountStep, ProfileStep, Step};
use nixfleet_contract::values::AbsPath;

use super::journal::{Journal, JournalPhase};
use crate::engine::family::JournalEntry;
use crate::engine::family::accounts::entry::AccountEntry;
use crate::engine::family::commands::entry::CommandEntry;
use crate::engine::family::paths::open::PathOpener;
use crate::engine::family::profile::entry::ProfileEntry;
use crate::engine::family::system::entry::SystemEntry;
use crate::engine::family::units::bystanders;
use crate::engine::family::units::entry::UnitEntry;
use crate::engine::plan::planner::PlannedTransaction;
use crate::engine::plan::target::Target;
use crate::host::{Host, boot};

/// Creates the journal, including the information that is needed to undo each step.
///
/// # Errors
/// [`Code::HostFile`], [`Code::UnsafePath`], or [`Code::PlanOutdated`] if the host has changed since the
/// plan. [`Code::Unit`] if systemd does not answer.
pub fn open(
    host: &Host,
    planned: &PlannedTransaction,
    target: &Target,
    holder: Holder,
) -> Result<Journal, Problem> {
    let transaction = planned.state.transaction + 1;
    let before = planned.plan.current.clone();
    let profile = planned.plan.steps.iter().find_map(Step::as_profile);
    let switched = profile.map(|ProfileStep::SwitchProfile(step)| step.to);
    let current = before.as_ref().map(|generation| generation.number);
    let next = || planned.observed.profile.next_number(planned.state.newest_generation());
    let number = switched.or(current).unwrap_or_else(next);
    let mut paths = PathOpener::new(host, planned, transaction, number)?;
    let mut entries = Vec::with_capacity(planned.plan.steps.len());
    for (index, step) in planned.plan.steps.iter().enumerate() {
        let observed = &planned.observed;
        entries.push(match step {
            Step::Account(step) => JournalEntry::Account(
                AccountEntry::open(step, &observed.accounts).ok_or_else(|| no_account(step))?,
            ),
            Step::Path(step) => JournalEntry::Path(paths.open(index, step)?),
            Step::Profile(step) => {
                let native = native_system(planned, number);
                JournalEntry::Profile(ProfileEntry::open(step, &observed.profile, native))
            }
            Step::Command(step) => JournalEntry::Command(CommandEntry::open(step, &planned.state)),
            Step::Unit(step) => JournalEntry::Unit(UnitEntry::open(step, observed.units.as_ref())),
            Step::System(step) => {
                JournalEntry::System(SystemEntry::open(step, number, observed.nixos.as_ref(), &planned.state))
            }
        });
    }
    let after = Generation { number, closure: target.closure.clone() };
    let before_units = bystanders::before(host, &planned.plan.steps, &planned.observed)?;
    let (schema, phase) = (Journal::schema_for(&entries), JournalPhase::Preparing);
    let boot = boot::id(host);
    Ok(Journal { schema, transaction, holder, phase, before, after, entries, before_units, boot })
}

/// Returns the NixOS system for which the transaction makes a native generation with the number of the new
/// generation, although it does not change what the host boots. Otherwise, `nixos-rebuild` would give the
/// same number to its next generation.
fn native_system(planned: &PlannedTransaction, number: u64) -> Option<AbsPath> {
    let changes_boot = |step: &Step| step.as_system().is_some_and(|step| step.activation().is_none());
    let is_free = planned.observed.nixos.as_ref()?.is_above_all(number);
    let makes = is_free && !planned.plan.steps.iter().any(changes_boot);
    planned.wanted_system.clone().filter(|_| makes)
}

fn no_account(step: &AccountStep) -> Problem {
    Problem::new(Code::PlanOutdated, "the host changed while the apply started")
        .because(format!("account {} does not exist", step.line()))
        .help("plan again, then apply the new plan")
}
