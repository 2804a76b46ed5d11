//! Attributes a failed build to hosts, and extracts the messages of the builder.

use std::collections::BTreeMap;

use nixfleet_contract::problem::{Code, Problem};

use super::{Built, Closure};

/// The maximum number of lines shown from the log of a builder.
const LOG_LINES: usize = 15;

/// Splits hosts into failed hosts, whose derivation is named in an error of Nix, and all other hosts.
///
/// # Errors
/// No error names the derivation of a host, so the failure belongs to no host.
pub fn attribute(stderr: &str, derivations: &BTreeMap<String, String>) -> Result<Built, Problem> {
    let errors = errors(stderr);
    let is_of_a_host = |error: &&NixFailure| derivations.values().any(|path| error.names(path));
    let causes: Vec<&NixFailure> = errors.iter().filter(|error| error.is_cause()).collect();
    let shared: Vec<&NixFailure> = causes.iter().copied().filter(|error| !is_of_a_host(error)).collect();
    let mut built = Built::default();
    for (host, derivation) in derivations {
        let named: Vec<&NixFailure> = errors.iter().filter(|error| error.names(derivation)).collect();
        if named.is_empty() {
            // If a build fails, Nix does not report the paths of the closures that it built, so the path is
            // empty. The next build finds this closure in the store.
            built.closures.insert(host.clone(), Closure { path: String::new() });
            continue;
        }
        let own: Vec<&NixFailure> = named.iter().copied().filter(|error| error.is_cause()).collect();
        // An error that starts with `build of` only summarises the other errors.
        let single = named.iter().copied().filter(|error| !error.head.starts_with("build of ")).collect();
        let shown = [&own, &shared].into_iter().find(|errors| !errors.is_empty()).unwrap_or(&single);
        built.failed.insert(host.clone(), problem(derivation, shown));
    }
    if built.failed.is_empty() {
        let why = causes.first().map_or(stderr.trim().to_owned(), |error| error.text());
        return Err(Problem::new(Code::Build, "Nix could not build the host closures")
            .because(why)
            .help(help(&causes).unwrap_or_else(|| {
                "run the command again with -v to see the whole output of Nix".to_owned()
            })));
    }
    Ok(built)
}

fn problem(derivation: &str, errors: &[&NixFailure]) -> Problem {
    let why: Vec<String> = errors
        .iter()
        .map(|error| {
            let skipped = error.log.len().saturating_sub(LOG_LINES);
            let log: Vec<String> = error.log.iter().skip(skipped).map(|line| format!("\n> {line}")).collect();
            format!("{}{}", error.text(), log.concat())
        })
        .collect();
    let log_of = errors.iter().find_map(|error| quoted(&error.head)).unwrap_or(derivation);
    Problem::new(Code::Build, "Nix could not build the host closure")
        .at(derivation)
        .because(if why.is_empty() {
            "a dependency of the closure failed to build".to_owned()
        } else {
            why.join("\n")
        })
        .help(help(errors).unwrap_or_else(|| format!("show the whole log: nix log {log_of}")))
}

/// Returns what the user can do about the first error that has no builder's log, if a remedy is known.
fn help(errors: &[&NixFailure]) -> Option<String> {
    let error = errors.iter().find(|error| error.log.is_empty())?;
    let says = |words: &str| error.text().contains(words);
    if says("is required to build") || says("platform mismatch") || says("missing system features") {
        Some(
            "configure a builder for that system: `builders` in nix.conf, or --option builders 'ssh-ng://…'"
                .to_owned(),
        )
    } else if says("hash mismatch") {
        Some("if the new source is correct, write the hash that Nix got into the package".to_owned())
    } else {
        None
    }
}

/// Returns the first text in single quotes.
fn quoted(text: &str) -> Option<&str> {
    text.split('\'').nth(1)
}

/// An error of Nix: its first line, the details below, and the lines of the builder's log.
#[derive(Debug, Default)]
struct NixFailure {
    head: String,
    details: Vec<String>,
    log: Vec<String>,
}

impl NixFailure {
    /// Whether the error is about this derivation.
    fn names(&self, derivation: &str) -> bool {
        self.head.contains(derivation)
    }

    /// Whether the error is a cause, rather than a consequence of other errors.
    fn is_cause(&self) -> bool {
        // Nix 2.26 writes the first of these three phrases. Nix 2.34 writes the other two.
        let of_others = self.head.contains("dependencies of derivation")
            || self
                .details
                .iter()
                .any(|line| line.ends_with("dependency failed.") || line.ends_with("dependencies failed."));
        !of_others && !self.head.starts_with("build of ")
    }

    /// Returns the error without the builder's log.
    fn text(&self) -> String {
        let mut text = self.head.clone();
        for line in &self.details {
            if let Some(reason) = line.strip_prefix("Reason: ") {
                text.truncate(text.trim_end_matches('.').len());
                text.push_str(": ");
                text.push_str(reason.trim_end_matches('.'));
            } else {
                text.push('\n');
                text.push_str(line);
            }
        }
        text
    }
}

fn errors(stderr: &str) -> Vec<NixFailure> {
    let mut errors: Vec<NixFailure> = Vec::new();
    let mut inside = false;
    for line in stderr.lines() {
        if let Some(head) = line.strip_prefix("error: ") {
            errors.push(NixFailure { head: head.trim_end_matches(';').to_owned(), ..NixFailure::default() });
            inside = true;
        } else if !line.starts_with(' ') {
            inside = false;
        } else if let Some(error) = errors.last_mut().filter(|_| inside) {
            let line = line.trim_start();
            match line.strip_prefix('>') {
                Some(log) => error.log.push(log.trim_start().to_owned()),
                None if !is_about_the_log(line) => error.details.push(line.to_owned()),
                None => {}
            }
        }
    }
    errors
}

/// Whether a line only introduces a log or lists outputs that were not built.
fn is_about_the_log(line: &str) -> bool {
    line.ends_with("log lines:")
        || line == "For full logs, run:"
        || line.starts_with("nix log ")
        || line == "Output paths:"
        || line.starts_with("/nix/store/")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The standard error of `nix build --keep-going` (Nix 2.26.3) for two hosts: one fails to build, and the
    /// other has a dependency that fails to build.
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
              help: show the whole log: nix log /nix/store/b1j3fhwbpy1mhpr345iaygabxg8v60ic-nixfleet-a.drv"]]
        .assert_eq(&built.failed["a"].to_string());
        expect_test::expect![[r#"
            [NF-202] Nix could not build the host closure
              where: /nix/store/fdlhj3zsni6h20cc2s5bcyf1dg82y2qz-nixfleet-c.drv
              why: builder for '/nix/store/lin73lw2ad4103541j3mvl2v4fg5ak86-hello-1.0.drv' failed with exit code 1
                     > no such file
              help: show the whole log: nix log /nix/store/lin73lw2ad4103541j3mvl2v4fg5ak86-hello-1.0.drv"#]]
        .assert_eq(&built.failed["c"].to_string());
    }

    /// The standard error of Nix 2.26 and of Nix 2.34 for five hosts: `a` fails, `b` is built, `c` and `l`
    /// need a failed derivation, and `h` needs a source whose hash differs.
    const FIVE: [&str; 2] =
        [include_str!("../../tests/nix/2.26/build.txt"), include_str!("../../tests/nix/2.34/build.txt")];

    #[test]
    fn both_versions_of_nix_are_understood() {
        let hosts = [
            ("a", "0jgz7dc5b9jrqcv5788h2qcddrvdvzfl"),
            ("b", "9sksw0vfrbn3qsplxbgnqx0jvs6kjm7s"),
            ("c", "kiwq1hfxypsb7jr2x1lwrrbrlg8r3yxc"),
            ("h", "zb5zjm8qza0c9v72qmvh8k9cbms5z48h"),
            ("l", "rw1x292q6ygcqrbs77b9k7p8vxm4if0g"),
        ];
        let derivations =
            hosts.map(|(host, hash)| (host.to_owned(), format!("/nix/store/{hash}-nixfleet-{host}.drv")));
        let [older, newer] = FIVE.map(|said| attribute(said, &BTreeMap::from(derivations.clone())).unwrap());
        for built in [&older, &newer] {
            assert_eq!(built.closures.keys().collect::<Vec<_>>(), ["b"]);
            assert_eq!(built.failed.keys().collect::<Vec<_>>(), ["a", "c", "h", "l"]);
            assert_eq!(built.failed["c"].why, built.failed["l"].why);
        }
        expect_test::expect![[r#"
            [NF-202] Nix could not build the host closure
              where: /nix/store/0jgz7dc5b9jrqcv5788h2qcddrvdvzfl-nixfleet-a.drv
              why: Cannot build '/nix/store/0jgz7dc5b9jrqcv5788h2qcddrvdvzfl-nixfleet-a.drv': builder failed with exit code 3
                     > bad
              help: show the whole log: nix log /nix/store/0jgz7dc5b9jrqcv5788h2qcddrvdvzfl-nixfleet-a.drv"#]]
        .assert_eq(&newer.failed["a"].to_string());
        expect_test::expect![[r#"
            [NF-202] Nix could not build the host closure
              where: /nix/store/kiwq1hfxypsb7jr2x1lwrrbrlg8r3yxc-nixfleet-c.drv
              why: hash mismatch in fixed-output derivation '/nix/store/27rywpcq96vhnk7kxgl50qzgnlfibdrv-fixed-1.0.drv':
                     specified: sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
                     got:    sha256-w33sRkpMEJwC/1RRAbM0DAA3IkknutTj/QGFZ8rJi4U=
                     Cannot build '/nix/store/lin73lw2ad4103541j3mvl2v4fg5ak86-hello-1.0.drv': builder failed with exit code 1
                     > no such file
              help: if the new source is correct, write the hash that Nix got into the package"#]]
        .assert_eq(&newer.failed["c"].to_string());
        expect_test::expect![[r#"
            [NF-202] Nix could not build the host closure
              where: /nix/store/kiwq1hfxypsb7jr2x1lwrrbrlg8r3yxc-nixfleet-c.drv
              why: hash mismatch in fixed-output derivation '/nix/store/27rywpcq96vhnk7kxgl50qzgnlfibdrv-fixed-1.0.drv':
                     specified: sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
                     got:    sha256-w33sRkpMEJwC/1RRAbM0DAA3IkknutTj/QGFZ8rJi4U=
                     builder for '/nix/store/lin73lw2ad4103541j3mvl2v4fg5ak86-hello-1.0.drv' failed with exit code 1
                     > no such file
              help: if the new source is correct, write the hash that Nix got into the package"#]]
        .assert_eq(&older.failed["c"].to_string());
    }

    #[test]
    fn a_build_for_another_machine_asks_for_a_builder() {
        let host = |hash| BTreeMap::from([("g".to_owned(), format!("/nix/store/{hash}-nixfleet-g.drv"))]);
        let derivations = host("2r7jis7382gbf9n6p848qjrs5xpq1cb5");
        let newer = attribute(include_str!("../../tests/nix/2.34/foreign.txt"), &derivations).unwrap();
        expect_test::expect![[r#"
            [NF-202] Nix could not build the host closure
              where: /nix/store/2r7jis7382gbf9n6p848qjrs5xpq1cb5-nixfleet-g.drv
              why: Cannot build '/nix/store/m7msj3w6v1mq8a4y8x04n46b1lfsvcyz-foreign-1.0.drv': platform mismatch
                     Required system: 'aarch64-linux'
                     Current system: 'x86_64-linux'
              help: configure a builder for that system: `builders` in nix.conf, or --option builders 'ssh-ng://…'"#]].assert_eq(&newer.failed["g"].to_string());
        // In Nix 2.26, the error about a build for another system ends the whole build at once and names no
        // host.
        let older = attribute(include_str!("../../tests/nix/2.26/foreign.txt"), &derivations).unwrap_err();
        expect_test::expect![[r#"
            [NF-202] Nix could not build the host closures
              why: a 'aarch64-linux' with features {} is required to build '/nix/store/m7msj3w6v1mq8a4y8x04n46b1lfsvcyz-foreign-1.0.drv', but I am a 'x86_64-linux' with features {benchmark, big-parallel, kvm, nixos-test, uid-range}
              help: configure a builder for that system: `builders` in nix.conf, or --option builders 'ssh-ng://…'"#]].assert_eq(&older.to_string());
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
              help: run the command again with -v to see the whole output of Nix"#]]
        .assert_eq(&problem.to_string());
    }
}
