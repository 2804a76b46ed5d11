# What an intent has that NixOS alone would leave out on a NixOS host, as warnings.
fleet: intent:
let
  inherit (fleet) lib types;
  outsiders = fleet.backends.nixos.outsiders intent;
in
lib.optional (outsiders != [ ]) (
  "NixOS alone does nothing for ${types.problem.names outsiders}: it makes files and links below /etc, "
  + "and the engine of NixFleet, which makes all other paths, cannot change NixOS hosts yet"
)
