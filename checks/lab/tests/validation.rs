//! What a host refuses before anything of it has changed, though the plan looked right: it is the wrong host.

mod stage;

use nixfleet_lab::lab::Lab;
use serde_json::Value;
use stage::{applies, assert_as_before, converged, outcomes, outcomes_of, snapshots};

/// Two addresses are swapped in the inventory, so that each host is taken for the other.
fn swaps_addresses(lab: &Lab) {
    let operator = lab.operator().unwrap();
    operator.edits("fleet.nix", "addr = \"web-1\";", "addr = \"web-?\";").unwrap();
    operator.edits("fleet.nix", "addr = \"web-2\";", "addr = \"web-1\";").unwrap();
    operator.edits("fleet.nix", "addr = \"web-?\";", "addr = \"web-2\";").unwrap();
}

#[test]
fn a_host_is_not_taken_for_another_one() {
    let lab = converged();
    let operator = lab.operator().unwrap();
    swaps_addresses(&lab);
    let before = snapshots(&lab);
    for command in ["plan", "apply --yes"] {
        let line = format!("nixfleet {command} --json --tag web");
        let (finished, document) = operator.types_for_json(&line).unwrap();
        assert_eq!(finished.code, 2, "{finished}");
        assert_eq!(outcomes(&document), outcomes_of([("web-1", "blocked"), ("web-2", "blocked")]));
        let problem: &Value = &document["hosts"][0]["problem"];
        assert_eq!(problem["code"], "NF-417", "{finished}");
        assert!(problem["what"].as_str().unwrap().contains("web-2"), "{finished}");
    }
    assert_as_before(&before);

    // They were given each other's names on purpose.
    assert_eq!(applies(&lab, "--tag web --force host-name"), outcomes_of([("web-1", "ok"), ("web-2", "ok")]));
    assert_eq!(lab.guest("web-2").unwrap().ask("cat /etc/motd").unwrap(), "This is web-1, a web server.");
    assert_eq!(applies(&lab, "--tag web"), outcomes_of([("web-1", "unchanged"), ("web-2", "unchanged")]));
    // The generation of the time before is this host's own.
    let (finished, _) = operator.types_for_json("nixfleet rollback --yes --json --tag web").unwrap();
    assert!(finished.ok(), "{finished}");
    assert_eq!(lab.guest("web-2").unwrap().ask("cat /etc/motd").unwrap(), "This is web-2, a web server.");
}
