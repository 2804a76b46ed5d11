//! The search for completions of the word at the cursor.

use clap::{Arg, Command};
use nixfleet_contract::problem::Code;

use super::line::CommandLine;
use super::{Candidate, Known};

/// The groups of hosts that exist in every fleet.
const GROUPS: [&str; 3] = ["all", "ubuntu", "nixos"];

/// Returns the possible completions of the last word in `words`. The last word may be empty. `command` must
/// not contain hidden subcommands.
pub fn candidates(mut command: Command, words: &[String], known: &impl Known) -> Vec<Candidate> {
    command.build();
    let (current, before) = words.split_last().map_or(("", words), |(last, before)| (last.as_str(), before));
    let line = CommandLine::read(&command, before);
    let mut found = Vec::new();
    if line.is_foreign {
        return found;
    }
    let is_flag = current.starts_with('-');
    match &line.flag {
        Some(flag) if !(flag.is_optional && is_flag) => {
            found.extend(values(flag.arg, current, known));
            if flag.is_optional {
                found.extend(free(&line, current, known));
            }
        }
        _ if is_flag => match current.strip_prefix("--").and_then(|flag| flag.split_once('=')) {
            Some((name, value)) => {
                let values = line.long(name).map(|arg| values(arg, value, known)).unwrap_or_default();
                let whole =
                    |found: Candidate| Candidate { value: format!("--{name}={}", found.value), ..found };
                found.extend(values.into_iter().map(whole));
            }
            None => found.extend(flags(line.command)),
        },
        _ => found.extend(free(&line, current, known)),
    }
    found.retain(|candidate| candidate.value.starts_with(current));
    found
}

fn flags(command: &Command) -> impl Iterator<Item = Candidate> {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    shown.flat_map(|arg| {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let names = arg.get_long_and_visible_aliases().unwrap_or_default();
        names.into_iter().map(move |name| Candidate::new(format!("--{name}"), help.clone()))
    })
}

/// Returns the completions of a word that is neither a flag nor the value of a flag: subcommands, or values
/// of a positional argument.
fn free(line: &CommandLine<'_>, current: &str, known: &impl Known) -> Vec<Candidate> {
    let subcommands = line.command.get_subcommands().filter(|each| line.free == 0 && !each.is_hide_set());
    let about = |each: &Command| each.get_about().map(ToString::to_string).unwrap_or_default();
    let mut found: Vec<Candidate> =
        subcommands.map(|each| Candidate::new(each.get_name(), about(each))).collect();
    let arguments: Vec<&Arg> = line.command.get_positionals().filter(|arg| !arg.is_last_set()).collect();
    let takes_more = |arg: &&&Arg| arg.get_num_args().is_some_and(|range| range.max_values() > 1);
    let argument = arguments.get(line.free).or_else(|| arguments.last().filter(takes_more));
    found.extend(argument.map(|arg| values(arg, current, known)).unwrap_or_default());
    found
}

/// Returns the possible values of a flag or of a positional argument.
fn values(arg: &Arg, current: &str, known: &impl Known) -> Vec<Candidate> {
    let plain = |words: Vec<String>| words.into_iter().map(Candidate::plain).collect();
    let groups = || GROUPS.map(String::from).to_vec();
    match arg.get_id().as_str() {
        "host" => in_list(current, plain(known.names().hosts)),
        "tag" => in_list(current, plain([known.names().tags, groups()].concat())),
        "role" => in_list(current, plain(known.names().roles)),
        "base" => in_list(current, plain(groups().split_off(1))),
        "selector" | "on" | "canary" => in_list(current, selectors(known)),
        "to" => {
            [vec![Candidate::new("previous", "the generation before the present one")], known.generations()]
                .concat()
        }
        "codes" => Code::ALL.map(|code| Candidate::new(code.as_str(), code.meaning())).to_vec(),
        "rollout" => known.rollouts(),
        "resume" => [vec![Candidate::new("last", "the last one")], known.rollouts()].concat(),
        "id" => [vec![Candidate::new("last", "the last one")], known.commands()].concat(),
        _ => {
            let values = arg.get_possible_values().into_iter().filter(|value| !value.is_hide_set());
            let help = |value: &clap::builder::PossibleValue| value.get_help().map(ToString::to_string);
            values.map(|value| Candidate::new(value.get_name(), help(&value).unwrap_or_default())).collect()
        }
    }
}

/// Returns all words that an expression can contain.
fn selectors(known: &impl Known) -> Vec<Candidate> {
    let names = known.names();
    let tags = names.tags.iter().map(|tag| Candidate::new(format!("@{tag}"), "tag"));
    let groups = GROUPS.map(|group| Candidate::new(format!("@{group}"), "group"));
    let roles = names.roles.iter().map(|role| Candidate::new(format!("role:{role}"), "role"));
    let hosts = names.hosts.iter().map(|host| Candidate::new(host, "host"));
    hosts.chain([Candidate::new("all", "every host")]).chain(tags).chain(groups).chain(roles).collect()
}

/// Completes the last item of a comma-separated list: puts the earlier items of the list before each
/// candidate.
fn in_list(current: &str, found: Vec<Candidate>) -> Vec<Candidate> {
    let Some((head, _)) = current.rsplit_once(',') else { return found };
    let behind = |found: Candidate| Candidate { value: format!("{head},{}", found.value), ..found };
    found.into_iter().map(behind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nixfleet_operator::inventory::InventoryNames;

    struct Fleet;

    impl Known for Fleet {
        fn names(&self) -> InventoryNames {
            let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
            InventoryNames {
                hosts: words(&["db-1", "web-1", "web-2"]),
                tags: words(&["prod"]),
                roles: words(&["nginx"]),
            }
        }

        fn generations(&self) -> Vec<Candidate> {
            vec![Candidate::plain("12"), Candidate::plain("11")]
        }

        fn rollouts(&self) -> Vec<Candidate> {
            vec![Candidate::new("20261120-140322-kbzq", "paused")]
        }

        fn commands(&self) -> Vec<Candidate> {
            vec![Candidate::new("20261120-140322-aaaa", "plan")]
        }
    }

    /// Returns the completions of the last word of a line.
    fn after(line: &str) -> String {
        let words: Vec<String> = line.split(' ').skip(1).map(str::to_owned).collect();
        let found = candidates(crate::args::visible(), &words, &Fleet);
        found.into_iter().map(|candidate| candidate.value).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn hosts_tags_and_roles_stand_where_they_may() {
        assert_eq!(after("nixfleet plan "), "db-1 web-1 web-2 all @prod @all @ubuntu @nixos role:nginx");
        assert_eq!(after("nixfleet plan web-1 @p"), "@prod");
        assert_eq!(after("nixfleet --json run web"), "web-1 web-2");
        assert_eq!(after("nixfleet apply --host w"), "web-1 web-2");
        assert_eq!(after("nixfleet apply --host db-1,w"), "db-1,web-1 db-1,web-2");
        assert_eq!(after("nixfleet apply --host=w"), "--host=web-1 --host=web-2");
        assert_eq!(after("nixfleet apply --group "), "prod all ubuntu nixos");
        assert_eq!(after("nixfleet status --role "), "nginx");
        assert_eq!(after("nixfleet status --base u"), "ubuntu");
        assert_eq!(after("nixfleet history --host "), "db-1 web-1 web-2");
        assert_eq!(after("nixfleet plan --option cores 2 we"), "web-1 web-2", "a flag with two values");
    }

    #[test]
    fn generations_and_rollouts_stand_where_they_may() {
        assert_eq!(after("nixfleet rollback web-1 --to "), "previous 12 11");
        assert_eq!(after("nixfleet rollback --rollout 2026"), "20261120-140322-kbzq");
        assert!(after("nixfleet apply --resume ").starts_with("last 20261120-140322-kbzq"));
        assert_eq!(after("nixfleet history show "), "last 20261120-140322-aaaa");
    }

    #[test]
    fn subcommands_flags_and_their_words_are_offered_and_nothing_hidden() {
        let subcommands = after("nixfleet ");
        assert!(subcommands.starts_with("plan apply status"), "{subcommands}");
        for hidden in ["man", "docs", "__complete"] {
            assert!(!subcommands.split(' ').any(|word| word == hidden), "{hidden}");
            assert_eq!(after(&format!("nixfleet {hidden}")), "");
        }
        assert_eq!(after("nixfleet apply --dry"), "--dry-run");
        assert_eq!(after("nixfleet apply --strategy "), "canary rolling all-at-once");
        assert!(after("nixfleet completions ").contains("zsh"));
        assert_eq!(after("nixfleet explain NF-10"), "NF-101 NF-102 NF-103 NF-104 NF-105 NF-106");
        assert_eq!(after("nixfleet apply --plan "), "", "files are the shell's own matter");
        assert_eq!(after("nixfleet run web-1 -- up"), "", "so are commands for hosts");
    }
}
