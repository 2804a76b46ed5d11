# The NixOS hosts as plain NixOS systems, for the flake output `nixosConfigurations`.
fleet:
let
  inherit (fleet) lib;
  inherit (fleet.types) context warned;
  inFleet = context.inFleet fleet.inputs;

  system =
    name: _:
    let
      evaluated = fleet.evaluate name;
      told = import ./outsiders.nix fleet evaluated.intent;
    in
    inFleet (
      context.inHost name (
        fleet.checked { ${name} = evaluated; } (warned "host ${name}" told evaluated.evaluated)
      )
    );
in
lib.mapAttrs system (import ./nixos-hosts.nix fleet)
