//! Finds out, before anything is built, whether closures need derivations that neither this machine nor a
//! builder can build. Otherwise Nix would build until it reaches such a derivation. Nix 2.26 would then end
//! the whole build, and name no host.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use nixfleet_contract::problem::{Code, Problem};

use super::Nix;
use super::derivation::Derivation;
use super::eval_hosts::DerivationsByHost;
use super::platforms::Platforms;

/// The maximum number of derivations that a problem names.
const NAMED: usize = 6;

/// A derivation that nothing can build, with its system.
type Foreign = (String, String);

impl Nix {
    /// Returns a problem for each host whose closure nothing can build. Hosts have no problem if the settings
    /// of Nix or its answers are unknown: Nix itself then reports what it cannot build.
    pub(super) async fn unbuildable(&self, derivations: &DerivationsByHost) -> BTreeMap<String, Problem> {
        let Some(platforms) = self.platforms().await else { return BTreeMap::new() };
        let Some(missing) = self.missing(derivations).await else { return BTreeMap::new() };
        let of_host = |(host, derivation): (&String, &String)| {
            let foreign = foreign(derivation, &missing, &platforms, &Derivation::read);
            (!foreign.is_empty()).then(|| (host.clone(), problem(host, derivation, &foreign)))
        };
        derivations.iter().filter_map(of_host).collect()
    }

    /// Returns the derivations that Nix would build for these closures. The store of this machine has the
    /// others, or a binary cache has them. Returns `None` if Nix does not answer.
    async fn missing(&self, derivations: &DerivationsByHost) -> Option<BTreeSet<String>> {
        let installables: Vec<String> = derivations.values().map(|path| format!("{path}^out")).collect();
        let invocation = self
            .invocation(&["build", "--dry-run", "--no-link", "--stdin"])
            .stdin(vec![installables.join("\n").into_bytes().into()]);
        let output = self.run(invocation).await.ok()?;
        output.status.success().then(|| would_build(&output.stderr_text()))
    }
}

/// Reads the derivations that `nix build --dry-run` would build from its standard error.
fn would_build(stderr: &str) -> BTreeSet<String> {
    let mut lines = stderr.lines().skip_while(|line| !line.ends_with("will be built:"));
    lines.next();
    let paths = lines.map_while(|line| line.strip_prefix("  "));
    paths.map(str::to_owned).collect()
}

/// Returns the derivations for which there is no builder, among those that have to be built for a closure.
/// The derivations that are nearest to the closure come first.
fn foreign(
    closure: &str,
    missing: &BTreeSet<String>,
    platforms: &Platforms,
    read: &dyn Fn(&str) -> Option<Derivation>,
) -> Vec<Foreign> {
    let mut foreign = Vec::new();
    let mut waiting = VecDeque::from([closure.to_owned()]);
    let mut seen = BTreeSet::new();
    while let Some(path) = waiting.pop_front() {
        if !missing.contains(&path) || !seen.insert(path.clone()) {
            continue;
        }
        let Some(derivation) = read(&path) else { continue };
        if !platforms.can_build(&derivation.system) {
            foreign.push((path, derivation.system));
        }
        waiting.extend(derivation.inputs);
    }
    foreign
}

fn problem(host: &str, closure: &str, foreign: &[Foreign]) -> Problem {
    let systems: BTreeSet<&str> = foreign.iter().map(|(_, system)| system.as_str()).collect();
    let systems = systems.into_iter().collect::<Vec<_>>().join(" and ");
    let mut why =
        vec![format!("these must be built for {systems}, and no builder for {systems} is configured:")];
    why.extend(foreign.iter().take(NAMED).map(|(path, _)| format!("> {}", name(path))));
    if foreign.len() > NAMED {
        why.push(format!("> and {} more", foreign.len() - NAMED));
    }
    let mut help = format!(
        "configure a builder for {systems} (`builders` in nix.conf), emulation (`extra-platforms`), or a binary \
         cache that has them (`substituters`)"
    );
    if let Some((_, system)) = foreign.iter().find(|(path, _)| name(path).starts_with("nixfleet-activate")) {
        help = format!("{help}; the activator can also be a prebuilt file: `activator.{system}`");
    }
    Problem::new(Code::Build, format!("this machine cannot build the closure of {host}"))
        .at(closure)
        .because(why.join("\n"))
        .help(help)
}

/// Returns the name of a derivation without its store directory, hash and extension.
fn name(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    let name = file.split_once('-').map_or(file, |(_, name)| name);
    name.strip_suffix(".drv").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The standard error of `nix build --dry-run` for a host with another system. The lines about builds are
    /// the same in Nix 2.26.3 and 2.34.8. The other lines show paths that a binary cache has.
    const DRY: &str = include_str!("../../tests/nix/build-dry-run.txt");

    const CLOSURE: &str = "/nix/store/qd0qlfc3643hdizp6rhvvky70ds22swr-nixfleet-web-1.drv";

    fn derivation(path: &str) -> Option<Derivation> {
        let (system, inputs) = match name(path) {
            "nixfleet-web-1" => {
                ("x86_64-linux", vec!["x0hw-nixfleet-web-1-packages", "l1hh-nixfleet-activate"])
            }
            "nixfleet-web-1-packages" => ("builtin", vec!["ba40-hello-2.0", "sgnw-cached"]),
            "hello-2.0" | "nixfleet-activate" => ("aarch64-linux", vec![]),
            _ => return None,
        };
        let inputs = inputs.into_iter().map(|input| format!("/nix/store/{input}.drv")).collect();
        Some(Derivation { system: system.to_owned(), inputs })
    }

    fn found(platforms: &[&str], missing: &[&str]) -> Vec<Foreign> {
        let platforms = Platforms::of_systems(platforms);
        let mut all: BTreeSet<String> = missing.iter().map(|name| format!("/nix/store/{name}.drv")).collect();
        all.insert(CLOSURE.to_owned());
        foreign(CLOSURE, &all, &platforms, &derivation)
    }

    const ALL: [&str; 3] = ["x0hw-nixfleet-web-1-packages", "l1hh-nixfleet-activate", "ba40-hello-2.0"];

    #[test]
    fn the_derivations_that_nix_would_build_are_read() {
        let read = would_build(DRY);
        assert_eq!(read.len(), 4);
        assert!(read.contains(CLOSURE));
        assert_eq!(would_build("this derivation will be built:\n  /nix/store/a-b.drv\n").len(), 1);
        assert_eq!(
            would_build("these 2 paths will be fetched (1.0 MiB download):\n  /nix/store/a\n").len(),
            0
        );
        assert_eq!(would_build("").len(), 0);
    }

    #[test]
    fn only_derivations_that_nothing_can_build_are_found() {
        let names =
            |found: Vec<Foreign>| found.iter().map(|(path, _)| name(path).to_owned()).collect::<Vec<_>>();
        assert_eq!(names(found(&["x86_64-linux"], &ALL)), ["nixfleet-activate", "hello-2.0"]);
        assert_eq!(found(&["x86_64-linux", "aarch64-linux"], &ALL), []);
        assert_eq!(found(&["x86_64-linux"], &[]), [], "a binary cache has the packages and the activator");
    }

    #[test]
    fn a_host_that_nothing_can_build_is_told_what_needs_which_builder() {
        let mut foreign = found(&["x86_64-linux"], &ALL);
        expect_test::expect![[r"
            [NF-202] this machine cannot build the closure of web-1
              where: /nix/store/qd0qlfc3643hdizp6rhvvky70ds22swr-nixfleet-web-1.drv
              why: these must be built for aarch64-linux, and no builder for aarch64-linux is configured:
                     > nixfleet-activate
                     > hello-2.0
              help: configure a builder for aarch64-linux (`builders` in nix.conf), emulation (`extra-platforms`), or a binary cache that has them (`substituters`); the activator can also be a prebuilt file: `activator.aarch64-linux`"]]
        .assert_eq(&problem("web-1", CLOSURE, &foreign).to_string());
        foreign.remove(0);
        foreign.resize(NAMED + 3, foreign[0].clone());
        let text = problem("web-1", CLOSURE, &foreign).to_string();
        assert!(text.contains("> and 3 more") && !text.contains("activator"), "{text}");
    }
}
