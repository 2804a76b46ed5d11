# Makes the option declarations of NixFleet's modules come before the declarations of users' modules.
#
# If an option is declared twice, nixpkgs lets the type of the first declaration decide how the two
# declarations are merged. The most deeply imported module counts as the first. A nixpkgs type cannot be
# merged with a NixFleet type, so the modules of NixFleet must be imported most deeply.
{ lib }:
let
  # More levels of imports than any user's module is expected to have.
  depth = 32;
in
modules: lib.foldl' (inner: _: { imports = lib.toList inner; }) modules (lib.range 1 depth)
