# Evaluates users' modules together with the modules in `ours`, by lib.evalModules.
#
# A user's module may declare an option of `ours` again, for example to add a field to a record. This works
# only if the modules in `ours` are imported through many levels (./deep-imports.nix). The levels add about as
# much evaluation time per host as several options do, so they are used only if the evaluation without them
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
    import ./classed.nix { inherit lib; } class {
      inherit specialArgs;
      modules = modules ++ theirs;
    };
  plain = evaluated ours;
  deep = evaluated [ (import ./deep-imports.nix { inherit lib; } ours) ];

  # Forces all declarations. This throws if two declarations of an option cannot be merged.
  areMerged =
    options: lib.all (each: each._type or null == "option" || areMerged each) (lib.attrValues options);
  tried = builtins.tryEval (areMerged (removeAttrs plain.options [ "_module" ]));
in
if tried.success then plain else deep
