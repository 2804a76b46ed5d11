//! How often a fleet is evaluated.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stage;

use nixfleet_lab::lab::Lab;
use stage::fresh;

/// The user's own programs go first, so this notes what `nix` is started for.
const NOTED: &str = "mkdir -p ~/bin && printf '#!/bin/sh\\necho \"$*\" >> ~/started\\nexec /usr/bin/nix \"$@\"\\n' > ~/bin/nix && \
                     chmod +x ~/bin/nix";

/// Runs a command, and returns how many evaluations it took.
fn evaluations(lab: &Lab, command: &str) -> usize {
    let script = format!(
        ": > ~/started; PATH=~/bin:$PATH; {command} >&2 || [ $? -le 2 ]; grep -c ' eval --json ' ~/started"
    );
    let finished = lab.operator().unwrap().types(&script).unwrap().success().unwrap();
    finished.stdout.trim().lines().next_back().unwrap().parse().unwrap()
}

#[test]
fn a_whole_fleet_is_evaluated_once_and_a_host_that_is_left_out_not_at_all() {
    let lab = fresh();
    lab.operator().unwrap().types(NOTED).unwrap().success().unwrap();
    assert_eq!(evaluations(&lab, "nixfleet plan"), 1);
    assert_eq!(evaluations(&lab, "nixfleet plan --host web-1"), 2);
    assert_eq!(evaluations(&lab, "nixfleet hosts"), 1);

    let operator = lab.operator().unwrap();
    let package =
        "    } // { packages.x86_64-linux.nixfleet = nixpkgs.legacyPackages.x86_64-linux.hello; };\n}";
    operator.edits("flake.nix", "    };\n}", package).unwrap();
    assert_eq!(evaluations(&lab, "nixfleet plan"), 1);

    operator.edits("roles/db.nix", "text = \"port", "text = throw \"not written yet\" + \"port").unwrap();
    assert_eq!(evaluations(&lab, "nixfleet plan"), 2);
    operator
        .edits("fleet.nix", "addr = \"db-1\";", "addr = \"db-1\"; maintenance = \"being written\";")
        .unwrap();
    assert_eq!(evaluations(&lab, "nixfleet plan"), 1);
}
