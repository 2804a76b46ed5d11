//! Reads the inventory that Nix prints.

use nixfleet_contract::SCHEMA;
use nixfleet_contract::fleet::Fleet;
use nixfleet_contract::problem::{Code, Problem};
use serde::Deserialize;

/// Parses the inventory, which Nix printed as JSON.
///
/// # Errors
/// The inventory has another schema, or contains a value that an evaluation of the fleet would have refused.
pub fn read(json: &[u8]) -> Result<Fleet, Problem> {
    let read = |why: serde_json::Error| {
        Problem::new(Code::Evaluation, "this nixfleet cannot read the inventory of the flake")
            .at("nixfleet.fleet")
            .because(why)
            .help("use the nixfleet from the inputs of the flake: nix run .#plan")
    };
    let Schema { schema } = serde_json::from_slice(json).map_err(read)?;
    if schema != SCHEMA {
        return Err(Problem::new(
            Code::Evaluation,
            "the inventory has a schema that this nixfleet cannot read",
        )
        .at("nixfleet.fleet")
        .because(format!(
            "the inventory has schema {schema}, but this nixfleet can read only schema {SCHEMA}"
        ))
        .help("use the nixfleet from the inputs of the flake: nix run .#plan"));
    }
    serde_json::from_slice(json).map_err(read)
}

#[derive(Deserialize)]
struct Schema {
    schema: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inventory_that_evaluation_would_refuse_is_refused() {
        let fleet = |place: &str, text: &str| {
            let mut fleet = serde_json::json!({
                "schema": SCHEMA,
                "hosts": { "web-1": {
                    "name": "web-1", "base": "ubuntu", "system": "x86_64-linux", "addr": "10.0.0.1",
                    "ssh": { "user": "root", "port": 22 }, "tags": ["prod"], "roles": ["web"],
                } },
                "tags": { "prod": { "before": ["db"], "rollout": { "spread": "rack" } } },
            });
            if let Some(value) = fleet.pointer_mut(place) {
                *value = text.into();
            }
            read(fleet.to_string().as_bytes())
        };
        assert!(fleet("", "").is_err() && fleet("/none", "").is_ok());
        for place in [
            "/hosts/web-1/name",
            "/hosts/web-1/system",
            "/hosts/web-1/addr",
            "/hosts/web-1/ssh/user",
            "/hosts/web-1/tags/0",
            "/hosts/web-1/roles/0",
            "/tags/prod/before/0",
            "/tags/prod/rollout/spread",
        ] {
            for bad in ["-oProxyCommand=id", "we\u{202e}b", "w\u{435}b", "web\n"] {
                let problem = fleet(place, bad).unwrap_err();
                assert_eq!(problem.code, Code::Evaluation, "{place}");
                assert!(problem.why.is_some_and(|why| why.is_ascii()), "{place}");
            }
        }
        // The inventory is refused if the name of a host differs from the key of its entry in `hosts`.
        assert!(fleet("/hosts/web-1/name", "web-2").is_err());
    }
}
