# The checks for `nix flake check`: all host closures. Building a closure validates it. NixOS hosts have no
# closure yet, and Nix checks their systems itself.
fleet: closures:
let
  inherit (fleet) lib;
  buildable = lib.filterAttrs (name: _: fleet.hosts.${name}.base != "nixos") closures;
in
lib.mapAttrs (
  system: _:
  lib.mapAttrs' (
    name: closure: lib.nameValuePair "nixfleet-${name}" closure.toplevelFor.${system}
  ) buildable
) fleet.activators
