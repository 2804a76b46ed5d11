# Tests of the checks of this repository, ../flake-checks.nix: whether `nix flake check` can evaluate them.
#
# Nothing is built: the packages are those of the stand-in for nixpkgs, whose linters are not real ones, and
# whose Rust programs are copies. The stand-in has no virtual machines, so the check `nixos-vm` is missing
# here; ./vm.nix evaluates it with another nixpkgs.
{ lib, nixpkgs, ... }:
let
  checks =
    system:
    let
      pkgs = nixpkgs.legacyPackages.${system};
      programs = import ../../lib/own-packages.nix pkgs system;
    in
    import ../flake-checks.nix {
      inherit nixpkgs pkgs programs;
      nixfleet = import ../../lib {
        inherit nixpkgs;
        packages.${system} = programs;
      };
    };

  names = [
    "nix-formatting"
    "nix-lints"
    "nix-tests"
    "nixfleet"
    "nixfleet-activate"
    "rust-formatting"
    "shell-lints"
  ];
in
{
  "the checks of NixFleet evaluate for each system of hosts" = {
    expr = lib.genAttrs [ "aarch64-linux" "x86_64-linux" ] (
      system:
      lib.mapAttrs (_: check: [
        check.system
        (lib.hasSuffix ".drv" check.drvPath)
      ]) (removeAttrs (checks system) [ "nix-tests" ])
    );
    expected = lib.genAttrs [ "aarch64-linux" "x86_64-linux" ] (
      system:
      lib.genAttrs (lib.remove "nix-tests" names) (_: [
        system
        true
      ])
    );
  };

  # The tests of the Nix code run while this check is evaluated. They run on one system, because they are the
  # same on each.
  "the tests of the Nix code pass within `nix flake check` too" = {
    expr = lib.hasSuffix ".drv" (checks "x86_64-linux").nix-tests.drvPath;
    expected = true;
  };

  "`nix flake check` has a check for each program, for the Nix code and for each linter" = {
    expr = lib.attrNames (checks "x86_64-linux");
    expected = names;
  };
}
