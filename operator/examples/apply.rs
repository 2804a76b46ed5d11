//! Plans and applies hosts of a fleet without the command line: `apply FLAKE HOST…`. Prints what the plan of
//! each host would do and how each host ended, a line each.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use nixfleet_operator::event::{Bus, RolloutId};
use nixfleet_operator::interrupt::Interrupt;
use nixfleet_operator::inventory::{Selection, select};
use nixfleet_operator::operation::change::{ChangeOptions, PlannedRollout};
use nixfleet_operator::operation::fleet::{Evaluated, FleetRequest, Participants, evaluate};
use nixfleet_operator::operation::planning::{Asking, prepare};
use nixfleet_operator::operation::resume_state::ResumeState;
use nixfleet_operator::operation::{Connections, Context, Window};
use nixfleet_operator::remote::PlanOptions;

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
    };

    let request = FleetRequest { flake: Some(flake), ..FleetRequest::default() };
    let show = Arc::new(|line: &str| eprintln!("{line}"));
    let Evaluated { origin, nix, fleet } = evaluate(&request, Path::new("."), false, show, &context).await?;
    let selected = select(&fleet, &selection)?;
    let Participants { hosts, excluded, outline } =
        Participants::of(&fleet, selected, |policy| policy, None, &context)?;

    let connections = Connections::default();
    let sessions = connections.sessions(hosts)?;
    let asking =
        Asking { force: &[], options: PlanOptions::default(), parallel: connections.at_once(), trying: None };
    let prepared = prepare(&nix, sessions, asking, &context).await?;
    let Ok((closures, plans)) = prepared else { anyhow::bail!("some closures cannot be built") };
    for plan in &plans {
        let steps = plan.plan().map_or(0, |plan| plan.steps);
        println!("{}: {steps} steps", plan.name());
    }

    let id = context.id.clone();
    let resume_state = ResumeState::New { closures };
    let rollout = PlannedRollout { id, origin, outline, plans, excluded, resume_state };
    let options = ChangeOptions { window: Window::default(), force: &[], substitute: false };
    let (results, ..) = rollout.carry_out(options, &context).await?;
    for result in &results {
        println!("{}: {}", result.host, result.outcome);
    }
    ensure!(results.iter().all(|result| result.outcome.is_good()), "not every host is as declared");
    Ok(())
}
