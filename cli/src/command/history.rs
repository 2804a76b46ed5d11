//! The subcommand `nixfleet history`.

use nixfleet_contract::SCHEMA;
use serde::Serialize;

use super::Context;
use crate::args::{HistoryArgs, HistoryCommand};
use crate::exit::Exit;
use crate::render;
use nixfleet_operator::history::{CommandEntry, EntryFilter, Store};
use nixfleet_operator::state::StateDir;
use nixfleet_operator::stop::Stop;

/// The JSON document that `history --json` prints.
#[derive(Serialize)]
struct HistoryDocument {
    schema: u32,
    command: &'static str,
    /// The recorded commands, newest first.
    entries: Vec<CommandEntry>,
}

/// Shows the commands that were run from this machine. No host is reached.
///
/// # Errors
/// The history cannot be read, or it does not contain the requested command.
pub fn execute(args: &HistoryArgs, context: &Context) -> Result<Exit, Stop> {
    let state = StateDir::find()?;
    let store = Store::look(&state)?;
    if let Some(HistoryCommand::Show { id }) = &args.what {
        return show(store, id, context);
    }
    let filter =
        EntryFilter { host: args.host.clone(), limit: usize::try_from(args.limit).unwrap_or(usize::MAX) };
    let entries = store.map(|store| store.list(&filter)).transpose()?.unwrap_or_default();
    if entries.is_empty() {
        context.show(&nothing(filter.host.as_deref(), &state));
    } else {
        context.show(&render::entries(&entries, filter.host.is_some()));
    }
    document(entries, context)
}

fn show(store: Option<Store>, id: &str, context: &Context) -> Result<Exit, Stop> {
    let Some(store) = store else { return Err(Store::unknown(id, &[]).into()) };
    let entry = store.find(id)?;
    context.show(&render::entry(&entry, &store.same_rollout(&entry)?));
    document(vec![entry], context)
}

fn document(entries: Vec<CommandEntry>, context: &Context) -> Result<Exit, Stop> {
    if context.output.json {
        let document = HistoryDocument { schema: SCHEMA, command: context.operation.command, entries };
        render::json(&document).map_err(Stop::bug)?;
    }
    Ok(Exit::Good)
}

/// Returns the message that is shown if the history contains no command to list.
fn nothing(host: Option<&str>, state: &StateDir) -> String {
    let place = state.path("");
    match host {
        None => format!(
            "The history in {} has no commands yet.\n\
             Every plan, apply, rollback and run will be recorded there.\n",
            place.display()
        ),
        Some(host) => format!(
            "The history in {} has no command for a host called {}.\nShow all commands: nixfleet history\n",
            place.display(),
            nixfleet_operator::text::one_line(host)
        ),
    }
}
