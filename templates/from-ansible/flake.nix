# A fleet for somebody who comes from Ansible.
#
#   nix run .#plan      shows what would change, as `ansible-playbook --check --diff` does
#   nix run .#apply     changes the hosts, after asking
{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
  inputs.nixfleet.url = "github:nixfleet/nixfleet";
  inputs.nixfleet.inputs.nixpkgs.follows = "nixpkgs";

  outputs =
    { nixfleet, nixpkgs, ... }@inputs:
    nixfleet.lib.mkFleet {
      inherit inputs nixpkgs;
      modules = [
        ./hosts.nix
        ./fleet.nix
      ];
    };
}
