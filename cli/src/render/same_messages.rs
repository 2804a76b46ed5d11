//! Groups of hosts with the same message, so that the message is printed only once.

use std::net::IpAddr;

use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::Problem;

use nixfleet_operator::host_result::HostResult;

/// The replacement for the host's name and address in a message that several hosts share.
const HOST: &str = "…";

/// Returns the problem of a host without the host's name and address, so that hosts with the same problem
/// have the same text. Only the messages of `ssh` for unreachable hosts contain this name and address. If
/// `with_help` is set, the help text is not changed, so that the user can run the command in this text.
pub fn problem(result: &HostResult, with_help: bool) -> Option<Problem> {
    let problem = Problem { location: None, ..result.problem.clone()? };
    if result.outcome != Outcome::Unreachable {
        return Some(problem);
    }
    let without = |text: Option<String>| text.map(|text| without_host(&text, &result.host));
    let help = if with_help { problem.help.clone() } else { without(problem.help.clone()) };
    Some(Problem { why: without(problem.why.clone()), help, ..problem })
}

/// Groups hosts that have the same message. `said` returns the message of a host. A host without a message is
/// in no group.
pub fn groups(results: &[HostResult], said: impl Fn(&HostResult) -> Option<String>) -> Vec<Vec<&HostResult>> {
    let mut groups: Vec<(String, Vec<&HostResult>)> = Vec::new();
    let mut known = std::collections::BTreeMap::new();
    for result in results {
        let Some(said) = said(result) else { continue };
        let place = *known.entry(said.clone()).or_insert_with(|| {
            groups.push((said, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(result);
    }
    groups.into_iter().map(|(_, members)| members).collect()
}

/// Replaces the name and the addresses of a host in a text.
fn without_host(text: &str, host: &str) -> String {
    let word = |word: &str| {
        let place =
            word.trim_matches(|letter: char| letter.is_whitespace() || "()[],;:.'\"".contains(letter));
        let place = place.rsplit('@').next().unwrap_or(place);
        let is_host =
            place.parse::<IpAddr>().is_ok() || place == host || place.starts_with(&format!("{host}."));
        if is_host { word.replace(place, HOST) } else { word.to_owned() }
    };
    text.split_inclusive(char::is_whitespace).map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_ssh_are_the_same_for_every_host() {
        for (text, expected) in [
            (
                "ssh: connect to host 10.0.1.11 port 22: No route to host",
                "ssh: connect to host … port 22: No route to host",
            ),
            ("ssh: connect to host fd00::7 port 22: refused", "ssh: connect to host … port 22: refused"),
            (
                "deploy@web-1.example.org: Permission denied (publickey).",
                "deploy@…: Permission denied (publickey).",
            ),
            (
                "Connection closed by 10.0.1.11 port 22\nweb-10 is another",
                "Connection closed by … port 22\nweb-10 is another",
            ),
        ] {
            assert_eq!(without_host(text, "web-1"), expected);
        }
    }
}
