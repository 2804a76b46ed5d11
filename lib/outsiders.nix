# Warnings about the parts of an intent that NixOS alone would ignore on a NixOS host.
fleet: intent:
let
  inherit (fleet) lib types;
  outsiders = fleet.backends.nixos.outsiders intent;
in
lib.optional (outsiders != [ ]) (
  "NixOS does not apply ${types.problem.names outsiders}: it creates only files and links below /etc, "
  + "and `nixfleet apply` handles all other paths"
)
