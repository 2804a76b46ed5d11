# The checks for `nix flake check`: the closures of all hosts. The build of a closure validates the closure.
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
