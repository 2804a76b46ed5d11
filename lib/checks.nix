# The checks for `nix flake check`: all host closures. Building a closure validates it.
fleet: closures:
let
  inherit (fleet) lib;
in
lib.mapAttrs (
  system: _:
  lib.mapAttrs' (
    name: closure: lib.nameValuePair "nixfleet-${name}" closure.toplevelFor.${system}
  ) closures
) fleet.activators
