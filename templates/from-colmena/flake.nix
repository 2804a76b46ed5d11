# A hive of colmena as a fleet of NixFleet.
#
#   nix run .#plan      shows what would change on the hosts, and changes nothing
#   nix run .#apply     changes the hosts, after asking
#
# `colmena apply` still works: mkFleet returns the output `colmena`. If you add colmena as an input of this
# flake, mkFleet also returns `colmenaHive`.
{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
  inputs.nixfleet.url = "github:nixfleet/nixfleet";
  inputs.nixfleet.inputs.nixpkgs.follows = "nixpkgs";

  outputs =
    { nixfleet, nixpkgs, ... }@inputs:
    nixfleet.lib.mkFleet {
      inherit inputs;
      # meta.nixpkgs
      inherit nixpkgs;
      # meta.specialArgs
      specialArgs = { };
      modules = [ ./fleet.nix ];
    };
}
