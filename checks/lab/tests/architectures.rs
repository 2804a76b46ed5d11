//! Tests of a host of another architecture than the operator's machine. The host only says so: it is a Debian
//! host of this machine, and the packages of the stand-in for nixpkgs run on it whatever their system is.

use crate::stage::{applies, assert_as_before, assert_says, lone, outcomes_of, snapshots};
use nixfleet_lab::lab::Lab;

/// Boots web-1 and an operator's machine. In the inventory, web-1 has another architecture, and its activator
/// is a prebuilt file.
fn foreign() -> Lab {
    let lab = lone("web-1");
    let operator = lab.operator().unwrap();
    let (declared, system) = ("hosts.web-1 = {\n", "hosts.web-1 = {\n    system = \"aarch64-linux\";\n");
    operator.edits("fleet.nix", declared, system).unwrap();
    let activator =
        "{\n  activator.aarch64-linux = \"${inputs.prebuilt}/bin/nixfleet-activate\";\n  activator.x86";
    operator.edits("prebuilt.nix", "{\n  activator.x86", activator).unwrap();
    lab
}

#[test]
fn packages_that_nothing_can_build_are_named_before_the_build_and_an_emulator_builds_them() {
    let lab = foreign();
    let operator = lab.operator().unwrap();
    let before = snapshots(&lab);
    let refused = operator.types("nixfleet apply --yes --host web-1").unwrap();
    let sayings =
        ["NF-202", "must be built for aarch64-linux", "> busybox-1.37.0", "`builders`", "`extra-platforms`"];
    assert_says(&refused, 1, &sayings);
    assert!(!refused.stderr.contains("is required to build"), "Nix has tried to build: {refused}");
    assert_as_before(&before);

    let emulates =
        "echo 'extra-platforms = aarch64-linux' >> /etc/nix/nix.conf && systemctl restart nix-daemon";
    operator.guest().ask(emulates).unwrap();
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
}

#[test]
fn a_host_without_packages_needs_neither_a_builder_nor_an_emulator() {
    let lab = foreign();
    let role = "{ nixfleet.files.\"/etc/app.conf\".text = \"x\"; nixfleet.systemd.units.\"app.service\".text = \
                \"[Service]\\nExecStart=/bin/sleep inf\\n\"; }";
    lab.operator().unwrap().guest().files().unwrap().write("/home/ada/fleet/roles/web.nix", role).unwrap();
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
}
