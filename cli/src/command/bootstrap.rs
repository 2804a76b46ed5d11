//! The subcommand `nixfleet bootstrap`.

use std::path::PathBuf;

use nixfleet_contract::problem::{Code, Problem};
use nixfleet_operator::bootstrap::Installer;
use nixfleet_operator::host_result::HostResult;
use nixfleet_operator::operation::adopt::Offer;
use nixfleet_operator::operation::at_once::{AtOnce, AtOnceEnded};
use nixfleet_operator::operation::bootstrap::{Bootstrap, BootstrapRequest, Means};
use nixfleet_operator::operation::host_plan::HostPlan;
use nixfleet_operator::stop::Stop;
use nixfleet_operator::text;

use super::{Context, adopt, confirm, password};
use crate::args::BootstrapArgs;
use crate::exit::Exit;
use crate::render;

/// Shows what each host lacks, asks for confirmation, and prepares the hosts.
///
/// # Errors
/// The command stopped before it reached any host.
pub async fn execute(args: &BootstrapArgs, context: &Context) -> Result<Exit, Stop> {
    if !args.dry_run {
        confirm::check(args.yes, context)?;
    }
    let request = BootstrapRequest {
        targets: args.targets.targets(context.output)?,
        login: args.login.login.clone(),
        keys: keys(&args.keys)?,
        fingerprints: args.host_keys.fingerprints.iter().cloned().collect(),
        dry_run: args.dry_run,
    };
    let installer = match (&args.installer, &args.installer_sha256) {
        (Some(path), Some(digest)) => Some(Installer::read(path, digest, args.installer_argument.clone())?),
        _ => None,
    };
    let means = Means { password: password::read(&args.login, context).await?, installer };
    let agree = async |offers: &[Offer]| adopt::ask(offers, context).await;
    let planned = request.plan(means, agree, &context.operation).await?;
    let ask = async |planned: &AtOnce<Bootstrap>| {
        let plans = planned.plans.iter().map(HostPlan::result);
        let shown: Vec<HostResult> = plans.chain(planned.resting.iter().cloned()).collect();
        context.show(&render::bootstrap_plans(&shown));
        let is_asked = !(args.yes || planned.dry_run || planned.to_change() == 0);
        let question = || format!("Prepare {}?", text::hosts(planned.to_change()));
        if is_asked { confirm::ask(question()).await } else { Ok(true) }
    };
    match planned.propose(ask, &context.operation).await? {
        AtOnceEnded::Declined => {
            render::err("nothing was changed");
            Ok(Exit::Refused)
        }
        AtOnceEnded::NothingDone(results) => context.finish(results, None),
        AtOnceEnded::Done(results) => {
            context.show(&render::bootstrap_reports(&results));
            context.finish(results, None)
        }
    }
}

/// Reads files of public keys.
fn keys(files: &[PathBuf]) -> Result<Vec<String>, Problem> {
    let mut keys = Vec::new();
    for file in files {
        let wrong = |what: &str| Problem::new(Code::Usage, what).at(file.display());
        let text = std::fs::read_to_string(file)
            .map_err(|error| wrong("the file of a public key cannot be read").because(error))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        for line in lines {
            if !is_public_key(line) {
                return Err(wrong("the file has a line that is no public key")
                    .help("name the file with the public key, such as ~/.ssh/id_ed25519.pub"));
            }
            keys.push(line.to_owned());
        }
    }
    Ok(keys)
}

fn is_public_key(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let (Some(kind), Some(key)) = (words.next(), words.next()) else { return false };
    let is_kind = ["ssh-", "ecdsa-", "sk-"].into_iter().any(|prefix| kind.starts_with(prefix));
    is_kind && key.starts_with("AAAA") && !line.contains(|c: char| c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_is_never_sent() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let public = write("id.pub", "# mine\nssh-ed25519 AAAAC3 ada\n\nsk-ssh-ed25519@openssh.com AAAAG\n");
        assert_eq!(keys(&[public]).unwrap(), ["ssh-ed25519 AAAAC3 ada", "sk-ssh-ed25519@openssh.com AAAAG"]);
        let private = write("id", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n");
        assert_eq!(keys(&[private]).unwrap_err().code, Code::Usage);
        assert!(keys(&[directory.path().join("none")]).is_err());
    }
}
