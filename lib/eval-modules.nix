# Evaluates users' modules together with the modules in `ours`, by lib.evalModules. A user's module may
# declare an option of `ours` again, to add to it.
#
# If an option is declared twice, nixpkgs lets the type of the first declaration decide how to merge the two.
# The first declaration is that of the most deeply imported module. A nixpkgs type cannot be merged with a
# NixFleet type, so the modules in `ours` must be imported most deeply. Such deep imports cost about as much
# time per host as some options do, so they are used only if the plain evaluation fails.
{ lib }:
{
  class,
  specialArgs,
  modules,
  ours,
}:
let
  evaluated =
    theirs:
    lib.evalModules {
      inherit class specialArgs;
      modules = modules ++ theirs;
    };
  plain = evaluated ours;
  deep = evaluated [
    (lib.foldl' (inner: _: { imports = lib.toList inner; }) ours (lib.range 1 depth))
  ];
  # More levels than users' modules have imports within each other.
  depth = 32;

  # Forces all declarations. This throws if two of them cannot be merged.
  areMerged =
    options: lib.all (each: each._type or null == "option" || areMerged each) (lib.attrValues options);
  tried = builtins.tryEval (areMerged (removeAttrs plain.options [ "_module" ]));
in
if tried.success then plain else deep
