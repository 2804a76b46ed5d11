//! Plans the `onChange` commands of changed files. Each command runs once, even if several changed files name
//! the same command.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::manifest::Entry;
use nixfleet_contract::step::commands::RunCommand;
use nixfleet_contract::step::{CommandStep, Step};
use nixfleet_contract::values::ManagedPath;

use crate::engine::plan::diff::Differ;

impl Differ<'_> {
    pub(in crate::engine) fn commands(&self) -> Vec<Step> {
        let mut commands: BTreeMap<&[String], BTreeSet<ManagedPath>> = BTreeMap::new();
        for path in &self.changed {
            let command = match self.manifest.entries.get(path) {
                Some(Entry::File(file)) => file.on_change.as_slice(),
                // The file will be removed. Its command still runs, so that the command can remove the files
                // that it generated from this file.
                _ => self.state.paths.get(path).map_or(&[][..], |owned| &owned.on_change),
            };
            if !command.is_empty() {
                commands.entry(command).or_default().insert(path.clone());
            }
        }
        let step = |(command, paths): (&[String], _)| {
            Step::Command(CommandStep::RunCommand(RunCommand { command: command.to_vec(), paths }))
        };
        commands.into_iter().map(step).collect()
    }
}
