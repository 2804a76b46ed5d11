# Evaluates users' modules together with the modules in `ours`, by lib.evalModules. A user's module may
# declare an option of `ours` again, to add to it.
#
# Then the modules in `ours` must be imported deeply. Such imports cost about as much time per host as some
# options do, so they are used only if the plain evaluation fails.
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
  deep = evaluated [ (import ./deep-imports.nix { inherit lib; } ours) ];

  # Forces all declarations. This throws if two of them cannot be merged.
  areMerged =
    options: lib.all (each: each._type or null == "option" || areMerged each) (lib.attrValues options);
  tried = builtins.tryEval (areMerged (removeAttrs plain.options [ "_module" ]));
in
if tried.success then plain else deep
