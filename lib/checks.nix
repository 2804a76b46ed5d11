# What `nix flake check` builds: every host closure. Building one validates it.
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
