//! The subcommand `nixfleet import`.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use nixfleet_contract::SCHEMA;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_operator::event::Stage;
use nixfleet_operator::flake::Flake;
use nixfleet_operator::import::{ansible, apt, colmena, deploy_rs, render as page, ssh_config};
use nixfleet_operator::inventory::Selection;
use nixfleet_operator::nix::Nix;
use nixfleet_operator::operation::Targets;
use nixfleet_operator::operation::import_apt::import_apt;
use nixfleet_operator::stop::Stop;
use serde::Serialize;

use super::Context;
use crate::args::{ImportArgs, ImportCommand, ImportFlakeArgs, ImportOutArgs};
use crate::exit::Exit;
use crate::render;

/// The JSON document that `import --json` prints.
#[derive(Serialize)]
struct ImportDocument<'d, D> {
    schema: u32,
    command: &'static str,
    #[serde(flatten)]
    draft: &'d D,
    /// The text of the new file.
    nix: &'d str,
}

/// Writes a `fleet.nix` with the hosts of another tool, without a connection to any host, or a module with
/// the packages, holds, package sources and pins of a host.
///
/// # Errors
/// The inventory of the other tool cannot be read, or the `fleet.nix` exists already or cannot be written.
pub async fn execute(args: &ImportArgs, context: &Context) -> Result<Exit, Stop> {
    let out = match &args.what {
        ImportCommand::Ansible(args) => &args.out,
        ImportCommand::SshConfig(args) => &args.out,
        ImportCommand::Colmena(args) => &args.out,
        ImportCommand::DeployRs(args) => &args.out,
        ImportCommand::Apt(args) => &args.out,
    };
    check(out, context)?;
    let stage = Stage::Evaluation;
    let draft = match &args.what {
        ImportCommand::Ansible(args) => ansible::import(&args.inventory)?,
        ImportCommand::SshConfig(args) => ssh_config::import(args.file.as_deref())?,
        ImportCommand::Colmena(args) => {
            let nix = nix(&args.flake, context)?;
            context.operation.stage(stage, colmena::import(&nix)).await?
        }
        ImportCommand::DeployRs(args) => {
            let nix = nix(&args.flake, context)?;
            context.operation.stage(stage, deploy_rs::import(&nix)).await?
        }
        ImportCommand::Apt(args) => {
            let targets = Targets {
                fleet: args.flake.request(context.output)?,
                selection: Selection { hosts: vec![args.host.clone()], ..Selection::default() },
                ..Targets::default()
            };
            let draft = import_apt(&targets, &context.operation).await?;
            let summary = render::imported_apt(&draft, out.out.as_deref());
            return finish(&draft, &apt::render(&draft), &summary, out, context);
        }
    };
    let summary = render::imported(&draft, out.out.as_deref());
    finish(&draft, &page(&draft), &summary, out, context)
}

/// Writes or prints the text, and then the data or the summary.
fn finish<D: Serialize>(
    draft: &D,
    text: &str,
    summary: &str,
    out: &ImportOutArgs,
    context: &Context,
) -> Result<Exit, Stop> {
    match &out.out {
        Some(path) => write(path, text, out.force)?,
        None => context.show(text),
    }
    if context.output.json {
        let command = context.operation.command;
        let document = ImportDocument { schema: SCHEMA, command, draft, nix: text };
        render::json(&document).map_err(Stop::bug)?;
    } else if !context.output.events {
        context.progress.suspend(|| render::err(summary.trim_end()));
    }
    Ok(Exit::Good)
}

/// Checks, before the import, that the new `fleet.nix` can be written to a file or printed.
fn check(out: &ImportOutArgs, context: &Context) -> Result<(), Problem> {
    match &out.out {
        Some(path) if path.exists() && !out.force => Err(exists(path)),
        None if context.output.events => {
            Err(Problem::new(Code::Usage, "with --events, the new file is not printed")
                .help("name a file for it: --out FILE"))
        }
        Some(_) | None => Ok(()),
    }
}

fn nix(args: &ImportFlakeArgs, context: &Context) -> Result<Nix, Problem> {
    let request = args.to_flake_args().request(context.output)?;
    let flake = Flake::find(request.flake.as_deref(), &request.directory)?;
    Ok(Nix::new(flake, request.nix_flags, request.verbose, Arc::clone(&context.operation.show)))
}

/// Writes the `fleet.nix`. With `force`, an existing file is replaced atomically, so that no reader sees only
/// a part of the new text.
fn write(path: &Path, text: &str, force: bool) -> Result<(), Problem> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unwritten = |error: std::io::Error| {
        Problem::new(Code::Usage, "the file cannot be written").at(path.display()).because(error)
    };
    let mut file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(directory)
        .map_err(unwritten)?;
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(unwritten)?;
    let placed = if force { file.persist(path) } else { file.persist_noclobber(path) };
    placed.map(drop).map_err(|error| match error.error.kind() {
        std::io::ErrorKind::AlreadyExists => exists(path),
        _ => unwritten(error.error),
    })
}

fn exists(path: &Path) -> Problem {
    Problem::new(Code::Usage, "the file exists already")
        .at(path.display())
        .help("name another file, or replace this file with --force")
}
