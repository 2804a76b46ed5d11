# The nodes of deploy-rs as a fleet of NixFleet.
#
#   nix run .#plan      shows what would change on the hosts, and changes nothing
#   nix run .#apply     changes the hosts, after asking
#
# mkFleet returns `nixosConfigurations`, so `nixos-rebuild --flake .#web-2` still works. `nix flake check`
# builds every host, as the checks of deploy-rs do.
{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
  inputs.nixfleet.url = "github:nixfleet/nixfleet";
  inputs.nixfleet.inputs.nixpkgs.follows = "nixpkgs";

  outputs =
    { nixfleet, nixpkgs, ... }@inputs:
    nixfleet.lib.mkFleet {
      inherit inputs nixpkgs;
      modules = [ ./fleet.nix ];
    };
}
