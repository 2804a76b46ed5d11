# lib.evalModules for users' modules and `ours`. A user's module may declare an option of ours again, to add
# to it.
#
# nixpkgs asks the type of the declaration that it sees first how to merge it with another one, and it sees
# the most deeply imported declarations first. A nixpkgs type does not know ours, so ours must come first.
# Such deep imports cost as much as some options do, for each host, so they are used only if the plain way
# fails.
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
  # Deeper than users' modules import each other.
  depth = 32;

  # Forces all declarations; fails if two of them cannot be merged.
  areMerged =
    options: lib.all (each: each._type or null == "option" || areMerged each) (lib.attrValues options);
  tried = builtins.tryEval (areMerged (removeAttrs plain.options [ "_module" ]));
in
if tried.success then plain else deep
