//! Runs the `onChange` commands of files that an undo has restored.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use nixfleet_contract::step::commands::command_line;
use nixfleet_contract::values::ManagedPath;

use super::entry::CommandEntry;
use super::run;
use crate::engine::transaction::undo::UndoTime;
use crate::host::Host;

/// Runs each `onChange` command of the restored files once, and returns a note for each failure. A failed
/// command does not stop the undo.
pub fn undo<'e>(
    host: &Host,
    entries: impl Iterator<Item = &'e CommandEntry>,
    moment: UndoTime,
) -> Vec<String> {
    let mut back: BTreeMap<&[String], BTreeSet<ManagedPath>> = BTreeMap::new();
    for entry in entries {
        let CommandEntry::RunCommand { step, back: commands } = entry;
        for command in commands {
            back.entry(command).or_default().extend(step.paths.iter().cloned());
        }
    }
    let began = Instant::now();
    let failed = |(command, paths): (&[String], BTreeSet<ManagedPath>)| {
        let limit = match moment {
            UndoTime::Running => run::LIMIT,
            UndoTime::Booting => run::LIMIT_AT_BOOT.saturating_sub(began.elapsed()),
        };
        let problem = run::run(host, command, &paths, limit).err()?;
        let (command, why) = (command_line(command), problem.why.unwrap_or_default());
        Some(format!("{command} failed after the files were restored: {why}"))
    };
    back.into_iter().filter_map(failed).collect()
}
