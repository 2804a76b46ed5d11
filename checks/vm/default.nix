# A test of NixFleet with real NixOS, in two virtual machines: an operator's machine, and a NixOS host. It
# shows a plan, an apply, a change whose health check fails, and a rollback.
#
# The machines have no network and no compiler. So the systems of the host are built before the test starts,
# and the operator's machine only builds the host closures (./prebuilt.nix).
{
  # The outputs `lib` and `packages.<system>` of NixFleet.
  nixfleet,
  programs,
  # The flake of nixpkgs, and its packages for the system of both machines.
  nixpkgs,
  pkgs,
}:
let
  keys = import (pkgs.path + "/nixos/tests/ssh-keys.nix") pkgs;
  fleets = import ./fleets.nix {
    inherit nixfleet nixpkgs pkgs;
    authorizedKey = keys.snakeOilPublicKey;
  };
in
pkgs.testers.runNixOSTest {
  name = "nixfleet";

  nodes.operator =
    { lib, nodes, ... }:
    {
      environment.systemPackages = [ programs.nixfleet ];
      nix.settings.substituters = lib.mkForce [ ];
      virtualisation = {
        additionalPaths = [ (fleets.directory nodes.target.system.build.networkConfig) ];
        memorySize = 2048;
        writableStore = true;
      };
    };

  nodes.target.imports = [
    ./target.nix
    fleets.deployUser
  ];

  testScript =
    { nodes, ... }:
    ''
      fleets = "${fleets.directory nodes.target.system.build.networkConfig}"
      key = "${keys.snakeOilPrivateKey}"

      ${builtins.readFile ./script.py}
    '';
}
