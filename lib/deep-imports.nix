# Modules whose option declarations come before those of users' modules.
#
# nixpkgs asks the type of the declaration that it sees first how to merge it with another one, and it sees
# the most deeply imported declarations first. A nixpkgs type does not know ours, so ours must come first.
{ lib }:
let
  # Deeper than users' modules import each other.
  depth = 32;
in
modules: lib.foldl' (inner: _: { imports = lib.toList inner; }) modules (lib.range 1 depth)
