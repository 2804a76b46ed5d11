//! Tests of a host of another architecture than the operator's machine. The host only says so: it is a Debian
//! host of this machine, and the packages of the stand-in for nixpkgs run on it whatever their system is.

use crate::stage::{applies, assert_as_before, assert_says, lone, outcomes_of, snapshots};
use nixfleet_lab::lab::Lab;

/// The packages and the activator of web-1 in the store, as patterns of a shell.
const BUILT: &str =
    "/nix/store/*-busybox-1.37.0 /nix/store/*-hello-1.0 /nix/store/*-nixfleet-activate-*[0-9]";

/// Boots web-1 and an operator's machine. In the inventory, web-1 has another architecture. No activator is
/// declared for it.
fn foreign() -> Lab {
    let lab = lone("web-1");
    let (declared, system) = ("hosts.web-1 = {\n", "hosts.web-1 = {\n    system = \"aarch64-linux\";\n");
    lab.operator().unwrap().edits("fleet.nix", declared, system).unwrap();
    lab
}

/// As [`foreign`], with an activator that is a prebuilt file.
fn foreign_with_activator() -> Lab {
    let lab = foreign();
    let activator =
        "{\n  activator.aarch64-linux = \"${inputs.prebuilt}/bin/nixfleet-activate\";\n  activator.x86";
    lab.operator().unwrap().edits("prebuilt.nix", "{\n  activator.x86", activator).unwrap();
    lab
}

/// Adds lines to the configuration of Nix on the operator's machine, in place of earlier additions.
fn configures_nix(lab: &Lab, lines: &str) {
    let script = format!(
        "cd /etc/nix && [ -e before ] || cp nix.conf before
         cp before nix.conf && printf '{lines}' >> nix.conf && systemctl restart nix-daemon"
    );
    lab.operator().unwrap().guest().ask(&script).unwrap();
}

#[test]
fn packages_that_nothing_can_build_are_named_before_the_build_and_an_emulator_builds_them() {
    let lab = foreign_with_activator();
    let operator = lab.operator().unwrap();
    let before = snapshots(&lab);
    let refused = operator.types("nixfleet apply --yes --host web-1").unwrap();
    let sayings =
        ["NF-202", "must be built for aarch64-linux", "> busybox-1.37.0", "`builders`", "`extra-platforms`"];
    assert_says(&refused, 1, &sayings);
    assert!(!refused.stderr.contains("is required to build"), "Nix has tried to build: {refused}");
    assert_as_before(&before);

    configures_nix(&lab, "extra-platforms = aarch64-linux\\n");
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
}

#[test]
fn a_host_without_packages_needs_neither_a_builder_nor_an_emulator() {
    let lab = foreign_with_activator();
    let role = "{ nixfleet.files.\"/etc/app.conf\".text = \"x\"; nixfleet.systemd.units.\"app.service\".text = \
                \"[Service]\\nExecStart=/bin/sleep inf\\n\"; }";
    lab.operator().unwrap().guest().files().unwrap().write("/home/ada/fleet/roles/web.nix", role).unwrap();
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
}

#[test]
fn packages_and_an_activator_in_a_binary_cache_need_neither_a_builder_nor_an_emulator() {
    let lab = foreign();
    let operator = lab.operator().unwrap();
    // An emulator builds everything, as another machine could. Then only the cache has it.
    configures_nix(&lab, "extra-platforms = aarch64-linux\\n");
    assert_says(&operator.types("nixfleet plan --host web-1").unwrap(), 0, &[]);
    let moves = format!(
        "nix copy --no-check-sigs --to file:///srv/cache $(ls -d {BUILT})
         nix-store --delete --ignore-liveness $(nix-store --query --referrers-closure $(ls -d {BUILT}))
         ! ls -d {BUILT}"
    );
    operator.guest().ask(&format!("set -e\n{moves}")).unwrap();

    configures_nix(&lab, "");
    let refused = operator.types("nixfleet apply --yes --host web-1").unwrap();
    assert_says(&refused, 1, &["NF-202", "> busybox-1.37.0", "> nixfleet-activate", "`substituters`"]);

    configures_nix(&lab, "substituters = file:///srv/cache\\nrequire-sigs = false\\n");
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
}
