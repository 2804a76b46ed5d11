//! Builds the closures of the selected hosts.

use std::collections::BTreeMap;
use std::path::PathBuf;

use nixfleet_contract::fleet::Host;
use nixfleet_contract::problem::{Code, Problem};
use serde::Deserialize;

use super::{ClosureSender, Nix, failure, no_result, stored};

/// The maximum number of closures built by one call of Nix. The time of a call grows with the square of this
/// number: on a busy machine with Nix 2.26, each closure took 220 ms in a call for a thousand closures, and
/// 35 to 55 ms in a call for a hundred. A dependency that several closures share is built by the first call
/// that needs it.
const AT_ONCE: usize = 64;

/// The built closure of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closure {
    /// The store path of the closure.
    pub path: String,
}

/// The result of a build. Each host has either a closure or a problem.
#[derive(Debug, Default)]
pub struct Built {
    /// The built closures, by host.
    pub closures: BTreeMap<String, Closure>,
    /// The reasons why closures could not be built, by host.
    pub failed: BTreeMap<String, Problem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Realised {
    drv_path: String,
    outputs: BTreeMap<String, String>,
}

impl Nix {
    /// Builds the closures of these hosts, as far as they can be built. Closures are sent to `sender` as soon
    /// as they are built, until the first build fails.
    ///
    /// # Errors
    /// The evaluation of a host fails, or a build fails for a reason that cannot be attributed to a host.
    pub async fn build(&self, hosts: &[Host], sender: &ClosureSender) -> Result<Built, Problem> {
        let mut derivations = self.derivations(hosts).await?;
        let mut built = Built::default();
        while !derivations.is_empty() {
            let later = derivations.keys().nth(AT_ONCE).cloned();
            let later = later.map(|host| derivations.split_off(&host)).unwrap_or_default();
            let Built { closures, failed } = self.build_some(&derivations).await?;
            built.failed.extend(failed);
            if built.failed.is_empty() {
                sender.add(&closures);
            }
            built.closures.extend(closures);
            derivations = later;
        }
        Ok(built)
    }

    /// Builds these derivations in one call of Nix. The keys of the map are the names of the hosts.
    async fn build_some(&self, derivations: &BTreeMap<String, String>) -> Result<Built, Problem> {
        let installables =
            derivations.values().map(|path| format!("{path}^out")).collect::<Vec<_>>().join("\n");
        let invocation = self
            .invocation(&["build", "--json", "--no-link", "--keep-going", "--stdin"])
            .stdin(vec![installables.into_bytes().into()]);
        let output = self.run(invocation).await.map_err(|error| no_result(Code::Build, &error))?;
        let stderr = output.stderr_text();
        if !output.status.success() {
            return failure::attribute(&stderr, derivations);
        }
        let realised: Vec<Realised> = serde_json::from_slice(&output.stdout).map_err(|error| {
            Problem::new(Code::Build, "the output of `nix build` cannot be read").because(error)
        })?;
        let outputs: BTreeMap<&str, &str> = realised
            .iter()
            .filter_map(|each| Some((each.drv_path.as_str(), each.outputs.get("out")?.as_str())))
            .collect();
        let closure = |(host, derivation): (&String, &String)| {
            let path = outputs.get(derivation.as_str()).ok_or_else(|| {
                Problem::new(Code::Build, "`nix build` did not build a host closure").at(derivation)
            })?;
            Ok((host.clone(), Closure { path: (*path).to_owned() }))
        };
        Ok(Built {
            closures: derivations.iter().map(closure).collect::<Result<_, _>>()?,
            failed: BTreeMap::new(),
        })
    }
}

impl Closure {
    /// Reads the manifest of the closure, as its builder wrote it.
    ///
    /// # Errors
    /// The closure was removed from the store, or was not made by NixFleet.
    pub fn manifest(&self) -> Result<Vec<u8>, Problem> {
        let path = PathBuf::from(&self.path).join("manifest.json");
        stored::read(&path).map_err(|error| self.unreadable(&path, &error))
    }

    /// Returns the path of the activator that the host runs. The path is the same on the host and on this
    /// machine.
    ///
    /// # Errors
    /// The closure was removed from the store, or was not made by NixFleet.
    pub fn activator(&self) -> Result<PathBuf, Problem> {
        let path = PathBuf::from(&self.path).join("activate");
        std::fs::read_link(&path).map_err(|error| self.unreadable(&path, &error))
    }

    fn unreadable(&self, path: &std::path::Path, error: &std::io::Error) -> Problem {
        Problem::new(Code::Build, "the host closure cannot be read on this machine")
            .at(path.display())
            .because(error)
            .help(format!("build the closure again: nix-store --realise {}", self.path))
    }
}
