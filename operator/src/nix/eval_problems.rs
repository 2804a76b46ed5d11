//! Merges the problems of several evaluations into one problem. A mistake that several hosts have, such as a
//! mistake in a role, is listed once, with all of these hosts. `lib/types/problem.nix` does the same for the
//! hosts of one evaluation.

use nixfleet_contract::problem::{Code, Problem};

use crate::flake::Flake;

/// The maximum number of hosts that are listed for one mistake. The other hosts are only counted.
const NAMES: usize = 12;

/// The indentation of all lines of a mistake except the first.
const INDENT: &str = "   ";

/// A mistake in the fleet, or another error because of which an evaluation failed.
struct Mistake {
    /// The lines of text about the mistake, without its number and without the line that lists its hosts.
    lines: Vec<String>,
    /// The hosts that have the mistake. The list is empty if the mistake belongs to no host.
    hosts: Vec<String>,
}

/// Merges the problems of several evaluations into one problem. Returns `None` if `problems` is empty.
pub fn together(mut problems: Vec<Problem>, flake: &Flake) -> Option<Problem> {
    problems.dedup();
    if problems.len() < 2 {
        return problems.pop();
    }
    let mut mistakes: Vec<Mistake> = Vec::new();
    for mistake in problems.iter().flat_map(Mistake::all_of) {
        match mistakes.iter_mut().find(|known| known.lines == mistake.lines) {
            Some(known) => known.hosts.extend(mistake.hosts),
            None => mistakes.push(mistake),
        }
    }
    let list: Vec<String> = mistakes.iter_mut().zip(1..).map(|(each, number)| each.text(number)).collect();
    let mistakes = if list.len() == 1 { "mistake" } else { "mistakes" };
    let what = format!("{} {mistakes} in the fleet", list.len());
    Some(Problem::new(Code::Evaluation, what).at(flake.shown()).because(list.join("\n\n")))
}

impl Mistake {
    /// Returns the mistakes that a problem lists, or the problem itself as a mistake.
    fn all_of(problem: &Problem) -> Vec<Self> {
        let why = problem.why.as_deref().unwrap_or_default();
        let is_list = problem.what.ends_with(" in the fleet") && why.starts_with("1. ");
        if is_list { Self::parse(why) } else { vec![Self::of(problem)] }
    }

    /// Parses a list of mistakes, as `lib/types/problem.nix` writes it.
    fn parse(list: &str) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for line in list.lines() {
            if let Some(first) = line.strip_prefix(&format!("{}. ", all.len() + 1)) {
                all.push(Self { lines: vec![first.to_owned()], hosts: Vec::new() });
            } else if let Some(mistake) = all.last_mut() {
                match ["   host: ", "   hosts: "].iter().find_map(|label| line.strip_prefix(label)) {
                    Some(hosts) => mistake.hosts.extend(hosts.split(", ").map(str::to_owned)),
                    None => mistake.lines.push(line.to_owned()),
                }
            }
        }
        for mistake in &mut all {
            while mistake.lines.last().is_some_and(|line| line.trim().is_empty()) {
                mistake.lines.pop();
            }
        }
        all
    }

    /// Converts a problem that does not list mistakes into one mistake.
    fn of(problem: &Problem) -> Self {
        let location = problem.location.as_deref().unwrap_or_default();
        // `trace::distil` writes the host at the end of the location, such as `roles/db.nix:3:34, host db-1`.
        let (place, host) = match location.rsplit_once("host ") {
            Some((place, host)) if place.is_empty() || place.ends_with(", ") => {
                (place.trim_end_matches(", "), Some(host.to_owned()))
            }
            _ => (location, None),
        };
        let mut lines = vec![problem.what.clone()];
        let texts =
            [("where", Some(place)), ("why", problem.why.as_deref()), ("help", problem.help.as_deref())];
        for (label, text) in texts {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                let indent = " ".repeat(INDENT.len() + label.len() + 2);
                let mut parts = text.lines();
                lines.push(format!("{INDENT}{label}: {}", parts.next().unwrap_or_default()));
                lines.extend(parts.map(|line| format!("{indent}{line}").trim_end().to_owned()));
            }
        }
        Self { lines, hosts: host.into_iter().collect() }
    }

    /// Formats the mistake as entry `number` of a list. The line with the hosts follows the lines that say
    /// what is wrong and where.
    fn text(&mut self, number: usize) -> String {
        self.hosts.sort();
        self.hosts.dedup();
        let mut lines = self.lines.clone();
        if !self.hosts.is_empty() {
            let label = if self.hosts.len() == 1 { "host" } else { "hosts" };
            let shown = self.hosts[..self.hosts.len().min(NAMES)].join(", ");
            let more = match self.hosts.len().saturating_sub(NAMES) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let has_place = lines.get(1).is_some_and(|line| line.starts_with("   where: "));
            lines.insert(if has_place { 2 } else { 1 }, format!("{INDENT}{label}: {shown}{more}"));
        }
        format!("{number}. {}", lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flake() -> Flake {
        Flake { reference: "/fleet".into(), tree: None, is_file: false }
    }

    fn list(what: &str, mistakes: &str) -> Problem {
        Problem::new(Code::Evaluation, what).at("/fleet").because(mistakes)
    }

    fn thrown(place: &str, why: &str) -> Problem {
        Problem::new(Code::Evaluation, "Nix could not evaluate the fleet")
            .at(place)
            .because(why)
            .help("run the command again with -v to see the whole trace of Nix")
    }

    #[test]
    fn one_problem_stays_as_it_is() {
        assert_eq!(together(Vec::new(), &flake()), None);
        let problem = thrown("roles/db.nix:3:34, host db-1", "not written yet");
        assert_eq!(together(vec![problem.clone()], &flake()), Some(problem.clone()));
        assert_eq!(together(vec![problem.clone(), problem.clone()], &flake()), Some(problem));
    }

    #[test]
    fn a_mistake_of_several_hosts_is_listed_once() {
        let common = |host: &str| {
            format!("the name is wrong\n   where: a.b, in roles/db.nix:3\n   host: {host}\n   write: x;")
        };
        let first = list("1 mistake in the fleet", &format!("1. {}", common("db-1")));
        let own = "no such option\n   where: c, in hosts/db-2.nix:1\n   host: db-2\n   why: it\n          is";
        let second = list("2 mistakes in the fleet", &format!("1. {own}\n\n2. {}\n", common("db-2")));
        expect_test::expect![[r#"
            [NF-201] 2 mistakes in the fleet
              where: /fleet
              why: 1. the name is wrong
                        where: a.b, in roles/db.nix:3
                        hosts: db-1, db-2
                        write: x;

                     2. no such option
                        where: c, in hosts/db-2.nix:1
                        host: db-2
                        why: it
                               is"#]]
        .assert_eq(&together(vec![first, second], &flake()).unwrap().to_string());
    }

    #[test]
    fn errors_of_all_hosts_are_listed_with_their_places() {
        let excerpt = "not written yet\n\n3 |   throw";
        let hosts = (10..24).map(|number| format!("roles/db.nix:3:34, a.b, host db-{number}"));
        let mut problems: Vec<Problem> = hosts.map(|place| thrown(&place, excerpt)).collect();
        problems.push(thrown("host web-1", "infinite recursion"));
        problems.push(list("1 mistake in the fleet", "1. x\n   where: y\n   hosts: c, d\n"));
        expect_test::expect![[r#"
            [NF-201] 3 mistakes in the fleet
              where: /fleet
              why: 1. Nix could not evaluate the fleet
                        where: roles/db.nix:3:34, a.b
                        hosts: db-10, db-11, db-12, db-13, db-14, db-15, db-16, db-17, db-18, db-19, db-20, db-21 and 2 more
                        why: not written yet

                             3 |   throw
                        help: run the command again with -v to see the whole trace of Nix

                     2. Nix could not evaluate the fleet
                        host: web-1
                        why: infinite recursion
                        help: run the command again with -v to see the whole trace of Nix

                     3. x
                        where: y
                        hosts: c, d"#]]
        .assert_eq(&together(problems, &flake()).unwrap().to_string());
    }
}
