//! Evaluates the deployment data of a flake that another tool deploys.

use nixfleet_contract::problem::Problem;
use serde::de::DeserializeOwned;

use crate::nix::Nix;

/// Evaluates a function of an output of the flake, and reads its result.
///
/// # Errors
/// The output cannot be evaluated, or the result is not of this form.
pub async fn evaluate<T: DeserializeOwned>(nix: &Nix, output: &str, function: &str) -> Result<T, Problem> {
    // The dot keeps Nix from looking for a package of this name first.
    let json = nix.foreign(&format!(".{output}"), function).await?;
    serde_json::from_slice(&json).map_err(|error| {
        Problem::new(nixfleet_contract::problem::Code::Import, "the deployment data has an unexpected form")
            .at(format!("{}#{output}", nix.flake.shown()))
            .because(error)
    })
}
