# The checks for `nix flake check`: the closures of all hosts. The build of a closure validates the closure.
# NixOS hosts are left out: they have no closure yet, and Nix itself checks their systems.
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
