//! Which hosts a failed build belongs to, and the words of the builder.

use std::collections::BTreeMap;

use nixfleet_activate::problem::{Code, Problem};

use super::{Built, Closure};

/// How many lines of a builder's log are shown.
const LOG_LINES: usize = 15;

/// Splits the hosts into those whose derivation Nix names in an error, and the others.
///
/// # Errors
/// No host is named: the failure is not one of a host.
pub fn attribute(stderr: &str, derivations: &BTreeMap<String, String>) -> Result<Built, Problem> {
    let errors = errors(stderr);
    let logs: Vec<&Error> = errors.iter().filter(|error| !error.log.is_empty()).collect();
    let mut built = Built::default();
    for (host, derivation) in derivations {
        let named: Vec<&Error> =
            errors.iter().filter(|error| error.head.contains(derivation.as_str())).collect();
        if named.is_empty() {
            // Nix does not say what it finished; the next build will find it in the store.
            built.closures.insert(host.clone(), Closure { path: String::new() });
            continue;
        }
        let own: Vec<&Error> = named.iter().copied().filter(|error| !error.log.is_empty()).collect();
        // Nix leaves the log out where it was asked to print logs as they come. Its last error sums all others up.
        let single = named.iter().copied().filter(|error| !error.head.starts_with("build of ")).collect();
        let shown = [&own, &logs].into_iter().find(|errors| !errors.is_empty()).unwrap_or(&single);
        built.failed.insert(host.clone(), problem(derivation, shown));
    }
    if built.failed.is_empty() {
        let why = errors.first().map_or(stderr.trim(), |error| error.head.as_str());
        let problem = Problem::new(Code::Build, "Nix could not build the host closures").because(why);
        return Err(if why.contains("is required to build") {
            problem.help(
                "give Nix a builder of that system: builders in nix.conf, or --option builders 'ssh-ng://…'",
            )
        } else {
            problem.help("see all that Nix says with -v")
        });
    }
    Ok(built)
}

fn problem(derivation: &str, errors: &[&Error]) -> Problem {
    let why: Vec<String> = errors
        .iter()
        .map(|error| {
            let skipped = error.log.len().saturating_sub(LOG_LINES);
            let log: Vec<String> = error.log.iter().skip(skipped).map(|line| format!("\n> {line}")).collect();
            format!("{}{}", error.head, log.concat())
        })
        .collect();
    let log_of = errors.iter().find_map(|error| quoted(&error.head)).unwrap_or(derivation);
    Problem::new(Code::Build, "Nix could not build the host closure")
        .at(derivation)
        .because(if why.is_empty() {
            "one of its dependencies failed to build".to_owned()
        } else {
            why.join("\n")
        })
        .help(format!("see the whole log: nix log {log_of}"))
}

/// The first thing in single quotes.
fn quoted(text: &str) -> Option<&str> {
    text.split('\'').nth(1)
}

/// One error of Nix: its first line, and the lines of the builder's log.
#[derive(Debug, Default)]
struct Error {
    head: String,
    log: Vec<String>,
}

fn errors(stderr: &str) -> Vec<Error> {
    let mut errors: Vec<Error> = Vec::new();
    let mut inside = false;
    for line in stderr.lines() {
        if let Some(head) = line.strip_prefix("error: ") {
            errors.push(Error { head: head.trim_end_matches(';').to_owned(), log: Vec::new() });
            inside = true;
        } else if !line.starts_with(' ') {
            inside = false;
        } else if let Some(error) = errors.last_mut().filter(|_| inside)
            && let Some(log) = line.trim_start().strip_prefix('>')
        {
            error.log.push(log.trim_start().to_owned());
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Nix 2.26.3 says to `nix build --keep-going` where one host fails by itself, one by a dependency.
    const TWO_FAIL: &str = include_str!("../../tests/nix/build-two-fail.txt");

    fn derivations() -> BTreeMap<String, String> {
        BTreeMap::from([
            ("a".into(), "/nix/store/b1j3fhwbpy1mhpr345iaygabxg8v60ic-nixfleet-a.drv".into()),
            ("b".into(), "/nix/store/ihqyy5isj4l277qmfh2rnjm6zwybbij1-nixfleet-b.drv".into()),
            ("c".into(), "/nix/store/fdlhj3zsni6h20cc2s5bcyf1dg82y2qz-nixfleet-c.drv".into()),
        ])
    }

    #[test]
    fn a_failure_belongs_to_the_hosts_that_nix_names() {
        let built = attribute(TWO_FAIL, &derivations()).unwrap();
        assert_eq!(built.closures.keys().collect::<Vec<_>>(), ["b"]);
        expect_test::expect![[r"
            [NF-202] Nix could not build the host closure
              where: /nix/store/b1j3fhwbpy1mhpr345iaygabxg8v60ic-nixfleet-a.drv
              why: builder for '/nix/store/b1j3fhwbpy1mhpr345iaygabxg8v60ic-nixfleet-a.drv' failed with exit code 3
                     > bad
              help: see the whole log: nix log /nix/store/b1j3fhwbpy1mhpr345iaygabxg8v60ic-nixfleet-a.drv"]]
        .assert_eq(&built.failed["a"].to_string());
        expect_test::expect![[r#"
            [NF-202] Nix could not build the host closure
              where: /nix/store/fdlhj3zsni6h20cc2s5bcyf1dg82y2qz-nixfleet-c.drv
              why: builder for '/nix/store/lin73lw2ad4103541j3mvl2v4fg5ak86-hello-1.0.drv' failed with exit code 1
                     > no such file
                     builder for '/nix/store/b1j3fhwbpy1mhpr345iaygabxg8v60ic-nixfleet-a.drv' failed with exit code 3
                     > bad
              help: see the whole log: nix log /nix/store/lin73lw2ad4103541j3mvl2v4fg5ak86-hello-1.0.drv"#]].assert_eq(&built.failed["c"].to_string());
    }

    #[test]
    fn without_logs_a_failure_is_told_in_the_words_of_nix() {
        let without = TWO_FAIL.lines().filter(|line| !line.trim_start().starts_with('>'));
        let built = attribute(&without.collect::<Vec<_>>().join("\n"), &derivations()).unwrap();
        let why = built.failed["a"].why.as_deref().unwrap();
        assert!(why.ends_with("-nixfleet-a.drv' failed with exit code 3"), "{why}");
    }

    #[test]
    fn a_failure_of_no_host_is_one_of_the_whole_build() {
        let problem =
            attribute("error: opening pseudoterminal master: No such device\n", &derivations()).unwrap_err();
        expect_test::expect![[r#"
            [NF-202] Nix could not build the host closures
              why: opening pseudoterminal master: No such device
              help: see all that Nix says with -v"#]]
        .assert_eq(&problem.to_string());
    }
}
