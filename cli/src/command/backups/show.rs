//! The subcommand `nixfleet backups show`.

use std::io::{IsTerminal, Write};

use nixfleet_contract::backup::{Backup, Content};
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_operator::event::EventKind;
use nixfleet_operator::host_result::{BackupsView, HostResult};
use nixfleet_operator::operation::backups::{ShowBackupRequest, ShownBackup};
use nixfleet_operator::stop::Stop;
use nixfleet_operator::text::many_lines;

use crate::args::BackupsShowArgs;
use crate::command::Context;
use crate::exit::Exit;
use crate::render;

/// Prints the content of a backup. If standard output is a terminal, the content is printed as indented text;
/// otherwise, its bytes are printed unchanged.
///
/// # Errors
/// The command stopped before it reached the host.
pub async fn execute(args: &BackupsShowArgs, context: &Context) -> Result<Exit, Stop> {
    let request = ShowBackupRequest {
        fleet: args.flake.request(context.output)?,
        host: args.host.clone(),
        path: args.path.clone(),
        generation: args.generation,
        original: args.original,
    };
    let ShownBackup { host, found, took } = request.show(&context.operation).await?;
    let printed = found.and_then(|(head, bytes)| {
        let text = print(&head, &bytes, context)?;
        let list = vec![head.backup];
        Ok(BackupsView { list, content: text, ..BackupsView::default() })
    });
    let result = match printed {
        Ok(view) => HostResult { backups: Some(Box::new(view)), ..HostResult::new(host, Outcome::Ok) },
        Err(problem) => HostResult::failed(host, problem),
    };
    context.operation.events.say(EventKind::HostEnded(result.end(took)));
    if context.output.is_for_programs() {
        return context.finish(vec![result], None);
    }
    if let Some(problem) = &result.problem {
        render::err(format_args!("error: {}", nixfleet_operator::text::problem_text(problem)));
    }
    Ok(context.exit(&[result]))
}

/// Prints the content of a backup. With `--json`, returns the content for the JSON document instead.
fn print(head: &Content, bytes: &[u8], context: &Context) -> Result<Option<String>, Problem> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    let binary = || {
        Problem::new(Code::Usage, "the backup is not text")
            .at(&head.backup.path)
            .because("a terminal or a JSON document cannot show binary data")
            .help("write the backup to a file: nixfleet backups show HOST PATH >FILE")
    };
    if context.output.events {
        return Ok(None);
    }
    if context.output.json {
        return text.map(|text| Some(text.to_owned())).ok_or_else(binary);
    }
    others(&head.others);
    if std::io::stdout().is_terminal() {
        let text = many_lines(text.ok_or_else(binary)?);
        // Each line is indented, so that content from a host cannot imitate a message of this program.
        let lines: String = text.lines().flat_map(|line| ["  ", line, "\n"]).collect();
        render::out(&lines);
    } else {
        let mut out = std::io::stdout().lock();
        let written = out.write_all(bytes).and_then(|()| out.flush());
        written.map_err(|error| Problem::new(Code::Usage, "the backup cannot be printed").because(error))?;
    }
    Ok(None)
}

/// Prints which option shows each of the older backups of the same path.
fn others(others: &[Backup]) {
    if others.is_empty() {
        return;
    }
    let word = |backup: &Backup| match backup.generation {
        Some(number) => format!("--generation {number}"),
        None => "--original".to_owned(),
    };
    let words: Vec<String> = others.iter().map(word).collect();
    render::err(format_args!("this is the newest backup of the path; older ones: {}", words.join(", ")));
}
