//! Plans and applies the configuration of hosts with the operator library instead of the `nixfleet` command.
//! Usage: `apply FLAKE HOST…`. Prints the number of planned steps for each host, and then the outcome of each
//! host.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use nixfleet_operator::event::{Bus, RolloutId};
use nixfleet_operator::interrupt::Interrupt;
use nixfleet_operator::inventory::Selection;
use nixfleet_operator::operation::apply::Apply;
use nixfleet_operator::operation::apply_request::ApplyRequest;
use nixfleet_operator::operation::fleet::FleetRequest;
use nixfleet_operator::operation::rollout::{Ended, Proposal};
use nixfleet_operator::operation::{Context, Targets};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "an example has its own command line")]
    let mut words = std::env::args().skip(1);
    let flake = words.next().context("name a flake")?;
    let selection = Selection { hosts: words.collect(), ..Selection::default() };
    let context = Context {
        id: RolloutId::draw(),
        command: "apply",
        interrupt: Interrupt::default(),
        events: Bus::default(),
        show: Arc::new(|line: &str| eprintln!("{line}")),
    };

    let fleet = FleetRequest { flake: Some(flake), directory: PathBuf::from("."), ..FleetRequest::default() };
    let targets = Targets { fleet, selection, ..Targets::default() };
    let request = ApplyRequest { targets, ..ApplyRequest::default() };

    let ask = async |proposal: Proposal<'_, Apply>| {
        for plan in &proposal.rollout.plans {
            let steps = plan.known().map_or(0, |planned| planned.plan.steps);
            println!("{}: {steps} steps", plan.name());
        }
        Ok(true)
    };
    let results = match request.plan(&context).await?.propose(ask, &context).await? {
        Ended::Declined => bail!("nobody declines"),
        Ended::NothingToDo(results) | Ended::Done { results, .. } => results,
    };
    for result in &results {
        println!("{}: {}", result.host, result.outcome);
    }
    ensure!(results.iter().all(|result| result.outcome.is_good()), "not every host is as declared");
    Ok(())
}
