# Compares, field by field, what the same intent results in on an Ubuntu host and on a NixOS host: the Intent
# document of the Ubuntu host, and the options and the Intent document of the NixOS host.
#
# Each family has a file with rows. A row is { module; ubuntu; onUbuntu; nixos; onNixos; }: a module that is
# evaluated on both hosts, and for each host a function that takes the result and the expected value of the
# function. If the module is a mistake on a host, the expected value is the list of mistakes.
world:
let
  inherit (world) lib;
  inherit (import ./hosts.nix world) onNixos onUbuntu;
  rows = import ./rows.nix world;

  named = base: lib.mapAttrs' (name: lib.nameValuePair "on ${base}: ${name}");
in
named "Ubuntu" (
  lib.mapAttrs (_: row: {
    expr = onUbuntu row row.module;
    expected = row.onUbuntu;
  }) rows
)
// named "NixOS" (
  lib.mapAttrs (_: row: {
    expr = onNixos row row.module;
    expected = row.onNixos;
  }) rows
)
