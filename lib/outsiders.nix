# Warnings about the parts of an intent that NixOS alone would ignore on a NixOS host.
fleet: intent:
let
  inherit (fleet) lib types;
  outsiders = fleet.backends.nixos.outsiders intent;
in
lib.optional (outsiders != [ ]) (
  "NixOS alone does nothing for ${types.problem.names outsiders}: it makes files and links below /etc, "
  + "and the engine of NixFleet, which makes all other paths, cannot change NixOS hosts yet"
)
