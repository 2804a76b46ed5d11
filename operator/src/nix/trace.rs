//! Reduces an evaluation error of Nix to what the user needs: the message, and the file and line, the option
//! and the host in which the error occurred.

mod missing;
mod nix_error;
mod place;
mod refused;

use missing::MissingFile;
use nix_error::NixError;
use nixfleet_contract::problem::{Code, Problem};
use place::{FlakeSource, UserLocation};

use crate::flake::Flake;

/// The beginning of the message in which `mkFleet` reports all mistakes of a fleet, each with its place and a
/// correction.
const MISTAKES: &str = "[NF-201] ";

/// Converts the standard error of Nix into a problem.
pub fn distil(stderr: &str, flake: &Flake) -> Problem {
    let nix_error = NixError::parse(stderr);
    let source = FlakeSource::new(flake, nix_error.root());
    let message = source.in_words_of_the_user(&nix_error.message);
    if message.contains("does not provide attribute") {
        return Problem::new(Code::NoFleet, "the flake has no `nixfleet` output")
            .at(flake.shown())
            .because(message)
            .help("create the outputs of the flake with nixfleet.lib.mkFleet { … }");
    }
    if flake.is_file && message.contains("in selection path 'nixfleet.") {
        return Problem::new(Code::NoFleet, "the file does not return a fleet")
            .at(flake.shown())
            .because(message)
            .help("return the result of nixfleet.lib.mkFleet { … } from the file");
    }
    if let Some(refused) = refused::problem(&message) {
        return refused.at(location(None, &nix_error, &source));
    }
    if let Some(mistakes) = message.strip_prefix(MISTAKES) {
        let (what, list) = mistakes.split_once('\n').unwrap_or((mistakes, ""));
        return Problem::new(Code::Evaluation, what).at(flake.shown()).because(list.trim_start_matches('\n'));
    }
    let place = nix_error.places().rev().find_map(|place| source.find(place));
    if let Some(missing) = MissingFile::find(&nix_error.message, &source) {
        let place = place.or_else(|| missing.named());
        let problem = missing.problem();
        let why = with_excerpt(problem.why.as_deref().unwrap_or_default(), place.as_ref());
        return problem.at(location(place, &nix_error, &source)).because(why);
    }
    if let Some((argument, file)) = nix_error.argument()
        && message.starts_with(&format!("attribute '{argument}' missing"))
    {
        let place = source.first(file, argument).or(place);
        let of_a_host = "config, host, hosts, inputs, lib, name, options and pkgs";
        let given = if nix_error.host().is_some() { of_a_host } else { "config, inputs, lib and options" };
        return Problem::new(
            Code::Evaluation,
            format!("a module has the argument `{argument}`, which NixFleet does not pass to modules"),
        )
        .because(with_excerpt(&format!("NixFleet passes the arguments {given}"), place.as_ref()))
        .at(location(place, &nix_error, &source))
        .help(format!(
            "remove `{argument}` from the arguments of the module; to use a value of the flake, take it from \
             the argument `inputs`"
        ));
    }
    let help = if message.starts_with("infinite recursion") {
        "remove the dependency of the value on itself: use `config` in the values of options, not in \
         `imports` or in conditions that decide which options are set"
    } else if message.contains("forbidden in pure evaluation mode") {
        "move the file into the flake: Nix reads no files outside it"
    } else {
        "run the command again with -v to see the whole trace of Nix"
    };
    Problem::new(Code::Evaluation, "Nix could not evaluate the fleet")
        .because(with_excerpt(&message, place.as_ref()))
        .at(location(place, &nix_error, &source))
        .help(help)
}

/// Converts the standard error of Nix into a problem, after Nix failed to evaluate a flake output that need
/// not be a fleet.
pub fn foreign(stderr: &str, flake: &Flake) -> Problem {
    let nix_error = NixError::parse(stderr);
    let source = FlakeSource::new(flake, nix_error.root());
    let message = source.in_words_of_the_user(&nix_error.message);
    if message.contains("does not provide attribute") {
        return Problem::new(Code::NoFleet, "the flake does not have this output")
            .at(flake.shown())
            .because(message);
    }
    let place = nix_error.places().rev().find_map(|place| source.find(place));
    Problem::new(Code::Evaluation, "Nix could not evaluate the deployment data")
        .because(with_excerpt(&message, place.as_ref()))
        .at(location(place, &nix_error, &source))
        .help("run the command again with -v to see the whole trace of Nix")
}

fn with_excerpt(why: &str, place: Option<&UserLocation>) -> String {
    match place {
        Some(UserLocation { excerpt, .. }) if !excerpt.is_empty() => format!("{why}\n\n{excerpt}"),
        Some(_) | None => why.to_owned(),
    }
}

/// Returns the file and line, the option and the host of an error, as far as Nix names them.
fn location(place: Option<UserLocation>, nix_error: &NixError, source: &FlakeSource) -> String {
    if let Some(file) = nix_error.data_file() {
        return source.in_words_of_the_user(file);
    }
    let place = place.map(|place| place.location);
    let input = nix_error.input().map(|input| format!("flake.nix, inputs.{input}"));
    let host = nix_error.host().map(|host| format!("host {host}"));
    let parts: Vec<String> = [place, input, nix_error.option(source), host].into_iter().flatten().collect();
    if parts.is_empty() { source.flake.shown() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests;
