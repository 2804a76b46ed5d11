# A fleet of an Ubuntu host and a NixOS host.
#
#   nix run .#plan      shows what would change on the hosts, and changes nothing
#   nix run .#apply     changes the hosts, after asking
{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
  inputs.nixfleet.url = "github:nixfleet/nixfleet";
  inputs.nixfleet.inputs.nixpkgs.follows = "nixpkgs";

  outputs =
    { nixfleet, nixpkgs, ... }@inputs:
    nixfleet.lib.mkFleet {
      # Every module receives the inputs as the argument `inputs`.
      inherit inputs nixpkgs;
      modules = [ ./fleet.nix ];
    };
}
