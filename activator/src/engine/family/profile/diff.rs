//! Plans the switch to another generation.

use nixfleet_contract::step::profile::SwitchProfile;
use nixfleet_contract::step::{ProfileStep, Step};

use crate::engine::observe::Observed;
use crate::engine::plan::diff::{Differ, TargetView};
use crate::engine::state::State;

impl Differ<'_> {
    /// Reports drift if the active generation differs from the generation that the last transaction
    /// activated.
    pub(in crate::engine) fn profile(&mut self) {
        let number = self.observed.profile.current.as_ref().map(|generation| generation.number);
        if number != self.state.generation {
            let name =
                |number: Option<u64>| number.map_or_else(|| "none".to_owned(), |number| number.to_string());
            let what = format!("generation {} → {}", name(self.state.generation), name(number));
            self.drifted(&crate::host::profile::DIRECTORY, what);
        }
    }
}

/// Creates the step that activates a generation for the target closure, or returns `None` if this generation
/// is already active.
pub(in crate::engine) fn switch(state: &State, target: TargetView<'_>, observed: &Observed) -> Option<Step> {
    let profile = &observed.profile;
    let current = profile.current.as_ref();
    let from = current.map(|generation| generation.number);
    let in_force = match target.number {
        Some(number) => from == Some(number),
        None => current.is_some_and(|generation| generation.closure == target.closure),
    };
    // The generation of the last transaction may already have the target closure, for example if someone
    // changed the profile link by hand. In this case, the generation of the last transaction is activated
    // again.
    let known = || {
        let generation = profile.generation(state.generation?)?;
        (generation.closure == target.closure).then_some(generation.number)
    };
    let to = target.number.or_else(known).unwrap_or_else(|| profile.next_number(state.newest_generation()));
    (!in_force).then_some(Step::Profile(ProfileStep::SwitchProfile(SwitchProfile { from, to })))
}
