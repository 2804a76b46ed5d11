//! The subcommand `nixfleet doctor`.

use nixfleet_contract::SCHEMA;
use nixfleet_operator::doctor::{DoctorVerdict, Finding};
use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::operation::doctor::doctor;
use nixfleet_operator::stop::Stop;
use serde::Serialize;

use super::Context;
use crate::args::DoctorArgs;
use crate::exit::Exit;
use crate::render;

/// The JSON document of `doctor`.
#[derive(Serialize)]
struct DoctorDocument<'a> {
    schema: u32,
    command: &'static str,
    /// The findings about this machine and the fleet.
    machine: &'a [Finding],
    hosts: &'a [HostResult],
}

/// Inspects this machine and the hosts, and shows what is missing. Nothing is changed.
///
/// # Errors
/// The command line is wrong.
pub async fn execute(args: &DoctorArgs, context: &Context) -> Result<Exit, Stop> {
    let diagnosis = doctor(&args.targets.targets(context.output)?, &context.operation).await?;
    let (machine, hosts) = (&diagnosis.machine, &diagnosis.hosts);
    if context.output.json {
        let document = DoctorDocument { schema: SCHEMA, command: context.operation.command, machine, hosts };
        render::json(&document).map_err(Stop::bug)?;
    } else {
        context.show(&render::diagnosis(machine, hosts, context.output.verbose()));
    }
    let is_broken = machine.iter().any(|finding| finding.verdict == DoctorVerdict::Bad);
    let exit = context.exit(hosts);
    Ok(if is_broken && exit != Exit::Interrupted { Exit::Refused } else { exit })
}
