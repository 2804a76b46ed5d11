# A fleet in a flake that is made with flake-parts.
#
#   nix run .#plan      shows what would change on the hosts, and changes nothing
#   nix run .#apply     changes the hosts, after asking
{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
  inputs.flake-parts.url = "github:hercules-ci/flake-parts";
  inputs.flake-parts.inputs.nixpkgs-lib.follows = "nixpkgs";
  inputs.nixfleet.url = "github:nixfleet/nixfleet";
  inputs.nixfleet.inputs.nixpkgs.follows = "nixpkgs";

  outputs =
    { flake-parts, ... }@inputs:
    flake-parts.lib.mkFlake { inherit inputs; } {
      imports = [ inputs.nixfleet.flakeModules.default ];
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "aarch64-darwin"
      ];

      # The options below `nixfleet` are the arguments of mkFleet. The outputs of the fleet are merged with
      # the outputs that you declare here.
      nixfleet.modules = [ ./fleet.nix ];
    };
}
