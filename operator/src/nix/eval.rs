//! Evaluates the inventory and the derivations of hosts.

use std::collections::BTreeMap;

use nixfleet_contract::fleet::{Fleet, Host};
use nixfleet_contract::problem::{Code, Problem};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::cache::{CacheFiles, Derivations, Inventory};
use super::functions::{bare_derivations_of, derivations_of, fits, fleet_and_derivations};
use super::{Nix, inventory_document, no_result, stored, trace};
use crate::process::{Invocation, PeakMemory};

/// The output of Nix for a successful evaluation.
struct Printed {
    json: Vec<u8>,
    /// The warnings and traces that Nix printed.
    warnings: Vec<String>,
}

impl Nix {
    /// Evaluates the inventory, unless the cache in `files` has it. No package is evaluated, so this is fast.
    ///
    /// # Errors
    /// The flake cannot be evaluated, has no `nixfleet` output, or has a `nixfleet` output with another
    /// schema.
    pub async fn fleet(&self, files: Option<CacheFiles>) -> Result<Fleet, Problem> {
        self.open_cache(files).await;
        let fleet = self.known_or_evaluated_fleet().await?;
        self.store_results().await;
        Ok(fleet)
    }

    /// Evaluates the inventory for a command that builds the closures of the hosts with these names, or of
    /// all hosts if `names` is `None`. The same evaluation yields the derivations of the hosts, except
    /// `NixOS` hosts and hosts that are excluded from an apply. A separate evaluation of the derivations
    /// would have to start Nix and check the flake again. If a closure cannot be evaluated, [`Self::build`]
    /// reports the problem that this evaluation found. Names that no host has are ignored.
    ///
    /// # Errors
    /// As for [`Self::fleet`].
    pub async fn fleet_to_build(
        &mut self,
        names: Option<&[String]>,
        files: Option<CacheFiles>,
    ) -> Result<Fleet, Problem> {
        self.open_cache(files).await;
        if self.results.inventory().is_some() || names.is_some_and(|names| !fits(names)) {
            return self.known_or_evaluated_fleet().await;
        }
        // The evaluated attribute is not `nixfleet` alone, because Nix would resolve the name `nixfleet` to a
        // package if the flake has a package of this name.
        let printed = self.evaluate("nixfleet.whole", Some(&fleet_and_derivations(names)), None).await;
        match printed {
            Ok(Printed { json, warnings }) => {
                let Both { fleet: document, derivations } =
                    serde_json::from_slice(&json).map_err(unreadable)?;
                let fleet = inventory_document::read(document.get().as_bytes())?;
                self.results.add_inventory(Inventory { document, warnings: warnings.clone() });
                match only_derivations(derivations) {
                    Ok(derivations) => self.results.add_hosts(Derivations { derivations, warnings }),
                    Err(problem) => self.unevaluated = Some(problem),
                }
                Ok(fleet)
            }
            // The mistake may be in a closure, so the inventory is evaluated alone. If this evaluation fails
            // too, only the problem of the inventory is reported.
            Err(problem) => {
                let fleet = self.known_or_evaluated_fleet().await?;
                // A name that no host has may select other hosts, as the name of a role does. These hosts
                // were not evaluated.
                if names.is_none_or(|names| names.iter().all(|name| fleet.hosts.contains_key(name))) {
                    self.unevaluated = Some(problem);
                }
                Ok(fleet)
            }
        }
    }

    async fn known_or_evaluated_fleet(&self) -> Result<Fleet, Problem> {
        if let Some(known) = self.results.inventory() {
            self.warn(&known.warnings);
            return inventory_document::read(known.document.get().as_bytes());
        }
        let Printed { json, warnings } = self.evaluate("nixfleet.fleet", None, None).await?;
        let fleet = inventory_document::read(&json)?;
        let document = serde_json::from_slice(&json).map_err(unreadable)?;
        self.results.add_inventory(Inventory { document, warnings });
        Ok(fleet)
    }

    /// Evaluates the derivations of these hosts in one process, and returns them by host. The names of the
    /// hosts have to fit into one program argument. The hosts are not passed as separate installables,
    /// because Nix would then evaluate the flake once for each installable if the Git tree is dirty.
    ///
    /// # Errors
    /// A host cannot be evaluated.
    pub(super) async fn derivations(
        &self,
        hosts: &[&Host],
        memory: PeakMemory,
    ) -> Result<BTreeMap<String, String>, Problem> {
        let function = derivations_of(hosts);
        let Printed { json, warnings } =
            self.evaluate("nixfleet.hosts", Some(&function), Some(memory)).await?;
        let derivations = only_derivations(serde_json::from_slice(&json).map_err(unreadable)?)?;
        self.results.add_hosts(Derivations { derivations: derivations.clone(), warnings });
        Ok(derivations)
    }

    /// Evaluates the derivations of these hosts with nothing declared, and returns them by host. Nothing of
    /// it is stored in the cache of evaluations.
    ///
    /// # Errors
    /// As for [`Self::derivations`], or the flake has an older NixFleet.
    pub(super) async fn bare_derivations(
        &self,
        hosts: &[&Host],
    ) -> Result<BTreeMap<String, String>, Problem> {
        let printed = self.evaluate("nixfleet.hosts", Some(&bare_derivations_of(hosts)), None).await?;
        only_derivations(serde_json::from_slice(&printed.json).map_err(unreadable)?)
    }

    /// Applies a Nix function to an output of the flake, and returns the result as JSON. The flake need not
    /// describe a fleet.
    ///
    /// # Errors
    /// The flake does not have this output ([`Code::NoFleet`]), or the output cannot be evaluated.
    pub async fn foreign(&self, output: &str, function: &str) -> Result<Vec<u8>, Problem> {
        let invocation = self
            .invocation(&["eval", "--json", "--show-trace", "--no-write-lock-file"])
            .args(self.target(output))
            .args(["--apply", function]);
        let evaluated =
            self.run(invocation).await.map_err(|failure| no_result(Code::Evaluation, &failure))?;
        if evaluated.status.success() {
            return Ok(evaluated.stdout);
        }
        Err(trace::foreign(&evaluated.stderr_text(), &self.flake))
    }

    async fn evaluate(
        &self,
        attribute: &str,
        apply: Option<&str>,
        memory: Option<PeakMemory>,
    ) -> Result<Printed, Problem> {
        let mut invocation =
            self.invocation(&["eval", "--json", "--show-trace"]).args(self.target(attribute));
        if let Some(function) = apply {
            invocation = invocation.args(["--apply", function]);
        }
        let invocation = Invocation { memory, ..invocation };
        let output = self.run(invocation).await.map_err(|failure| no_result(Code::Evaluation, &failure))?;
        let stderr = output.stderr_text();
        if output.status.success() {
            let warnings = warnings(&stderr);
            self.warn(&warnings);
            return Ok(Printed { json: output.stdout, warnings });
        }
        match output.status.code() {
            Some(_) => Err(trace::distil(&stderr, &self.flake)),
            None => Err(Problem::new(Code::Evaluation, "the evaluation was killed")
                .at(self.flake.shown())
                .because(format!("`nix eval` ended with {}; the memory may be used up", output.status))
                .help("evaluate fewer NixOS hosts at once: --eval-jobs 1")),
        }
    }

    /// Shows the warnings and traces of an evaluation that this command has not shown yet. Shows nothing in
    /// verbose mode, in which everything that Nix prints is shown anyway.
    pub(super) fn warn(&self, warnings: &[String]) {
        for line in warnings.iter().filter(|line| self.results.is_new(line) && !self.verbose) {
            self.show(line);
        }
    }
}

/// Returns the warnings and traces in the standard error of an evaluation. Warnings about the lock file are
/// left out.
fn warnings(stderr: &str) -> Vec<String> {
    let is_for_the_user = |line: &&str| {
        !["warning: creating lock file", "warning: updating lock file"]
            .iter()
            .any(|word| line.starts_with(word))
            && ["trace: ", "warning: ", "evaluation warning: "].iter().any(|word| line.starts_with(word))
    };
    stderr.lines().filter(is_for_the_user).map(str::to_owned).collect()
}

/// Checks that all paths are derivations in the store. The flake can return any text here, and Nix would
/// fetch whatever the text names. For example, Nix would copy a directory of the user into the store.
fn only_derivations(derivations: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Problem> {
    match derivations.iter().find(|(_, path)| !path.strip_suffix(".drv").is_some_and(stored::is_path)) {
        None => Ok(derivations),
        Some((host, path)) => {
            Err(Problem::new(Code::Evaluation, "the closure of a host in the flake is not a derivation")
                .at(format!("nixfleet.hosts.{host}"))
                .because(path))
        }
    }
}

fn unreadable(error: serde_json::Error) -> Problem {
    Problem::new(Code::Evaluation, "Nix did not print the derivations of the hosts")
        .at("nixfleet.hosts")
        .because(error)
}

/// The inventory, and the derivations of closures by host.
#[derive(Deserialize)]
struct Both {
    fleet: Box<RawValue>,
    derivations: BTreeMap<String, String>,
}
