# Modules whose option declarations come before those of users' modules.
#
# If an option is declared twice, nixpkgs lets the type of the first declaration decide how to merge the two.
# The first declaration is that of the most deeply imported module. A nixpkgs type cannot be merged with a
# NixFleet type, so the modules of NixFleet must be imported most deeply.
{ lib }:
let
  # More levels than users' modules have imports within each other.
  depth = 32;
in
modules: lib.foldl' (inner: _: { imports = lib.toList inner; }) modules (lib.range 1 depth)
