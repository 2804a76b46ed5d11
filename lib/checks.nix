# The checks for `nix flake check`: it builds all host closures, and the build of a closure validates it.
# NixOS hosts have no closure yet, and Nix itself checks their systems.
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
