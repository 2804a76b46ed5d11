//! Creates the journal of a new transaction from a plan.

use nixfleet_contract::generation::Generation;
use nixfleet_contract::holder::Holder;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::step::{AccountStep, ProfileStep, Step};

use super::journal::{Journal, JournalPhase};
use crate::engine::family::JournalEntry;
use crate::engine::family::accounts::entry::AccountEntry;
use crate::engine::family::commands::entry::CommandEntry;
use crate::engine::family::paths::open::PathOpener;
use crate::engine::family::profile::entry::ProfileEntry;
use crate::engine::family::system::entry::SystemEntry;
use crate::engine::family::units::bystanders;
use crate::engine::family::units::entry::UnitEntry;
use crate::engine::plan::planner::Planned;
use crate::engine::plan::target::Target;
use crate::host::Host;

/// Creates the journal, including the information that is needed to undo each step.
///
/// # Errors
/// [`Code::HostFile`], [`Code::UnsafePath`], or [`Code::PlanOutdated`] if the host has changed since the
/// plan. [`Code::Unit`] if systemd does not answer.
pub fn open(host: &Host, planned: &Planned, target: &Target, holder: Holder) -> Result<Journal, Problem> {
    let transaction = planned.state.transaction + 1;
    let before = planned.plan.current.clone();
    let profile = planned.plan.steps.iter().find_map(Step::as_profile);
    let switched = profile.map(|ProfileStep::SwitchProfile(step)| step.to);
    let current = before.as_ref().map(|generation| generation.number);
    let number = switched.or(current).unwrap_or_else(|| planned.observed.profile.next_number());
    let mut paths = PathOpener::new(host, planned, transaction, number)?;
    let mut entries = Vec::with_capacity(planned.plan.steps.len());
    for (index, step) in planned.plan.steps.iter().enumerate() {
        let observed = &planned.observed;
        entries.push(match step {
            Step::Account(step) => JournalEntry::Account(
                AccountEntry::open(step, &observed.accounts).ok_or_else(|| no_account(step))?,
            ),
            Step::Path(step) => JournalEntry::Path(paths.open(index, step)?),
            Step::Profile(step) => JournalEntry::Profile(ProfileEntry::open(step, &observed.profile)),
            Step::Command(step) => JournalEntry::Command(CommandEntry::open(step, &planned.state)),
            Step::Unit(step) => JournalEntry::Unit(UnitEntry::open(step, observed.units.as_ref())),
            Step::System(step) => {
                JournalEntry::System(SystemEntry::open(step, number, observed.nixos.as_ref()))
            }
        });
    }
    let after = Generation { number, closure: target.closure.clone() };
    let before_units = bystanders::before(host, &planned.plan.steps, &planned.observed)?;
    let (schema, phase) = (Journal::schema_for(&entries), JournalPhase::Preparing);
    Ok(Journal { schema, transaction, holder, phase, before, after, entries, before_units })
}

fn no_account(step: &AccountStep) -> Problem {
    Problem::new(Code::PlanOutdated, "the host changed while the apply started")
        .because(format!("account {} does not exist", step.line()))
        .help("plan again, then apply the new plan")
}
