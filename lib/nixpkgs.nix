# Selects the nixpkgs of a fleet: the given nixpkgs, or NixFleet's own.
#
# Returns { nixpkgs; isUsable; problems; }. If the given value is not usable as nixpkgs, NixFleet's own
# nixpkgs replaces it, so that all other mistakes in the fleet can be reported too. `isUsable` is true if a
# fleet can be evaluated with the resulting nixpkgs.
{ given, default }:
let
  inherit (builtins) isAttrs pathExists;

  # The oldest supported release of nixpkgs' `lib`. The tests use this release too.
  oldest = "22.11";

  # The release of a `lib`, or null if it is unknown. The release is read from the file that
  # `lib.trivial.release` reads. An incomplete copy of nixpkgs may lack that file, and then
  # `lib.trivial.release` itself would abort the evaluation.
  releaseOf =
    lib:
    let
      directory = dirOf (builtins.unsafeGetAttrPos "genAttrs" lib).file;
      files = [
        "${directory}/.version"
        "${dirOf directory}/.version"
      ];
      found = builtins.filter pathExists files;
    in
    if baseNameOf directory != "lib" || found == [ ] then
      null
    else
      builtins.head (builtins.match "([^[:space:]]*).*" (builtins.readFile (builtins.head found)));

  # Whether a `lib` is too old: its release is before `oldest`, or it does not have the type of deferred
  # modules, which nixpkgs introduced in 22.11.
  isOld = lib: hasOldRelease lib || !(lib ? types.deferredModule);
  hasOldRelease =
    lib:
    let
      release = releaseOf lib;
    in
    release != null && builtins.compareVersions release oldest < 0;

  takes = "NixFleet takes `lib` from it, and `legacyPackages` for the packages that modules name";
  take = "inherit (inputs) nixpkgs;";

  # The mistake in a given nixpkgs, { what; why; example; }, or null. `describe` puts the wrong value into
  # words.
  objection =
    describe: nixpkgs:
    let
      isNot = what: {
        what = "nixpkgs must be the flake of nixpkgs, but is ${what}";
        why = takes;
        example = take;
      };
    in
    if !isAttrs nixpkgs then
      isNot (describe nixpkgs)
    else if nixpkgs ? callPackage || nixpkgs ? stdenv then
      isNot "a package set, such as legacyPackages.<system>"
    else if nixpkgs ? evalModules && nixpkgs ? mkOption then
      isNot "the lib of nixpkgs"
    else if !(nixpkgs ? lib.evalModules) then
      isNot "a set without lib"
    else if !(nixpkgs ? legacyPackages) then
      isNot "a set without legacyPackages"
    else if isOld nixpkgs.lib then
      {
        what = "nixpkgs is too old: ${
          if hasOldRelease nixpkgs.lib then "release ${releaseOf nixpkgs.lib}" else "its lib"
        } is from before ${oldest}";
        why = "${oldest} is the oldest release whose lib can evaluate a fleet; the packages of hosts may come from any release";
        example = "inputs.nixpkgs.url = \"github:NixOS/nixpkgs/nixos-unstable\";";
      }
    else
      null;

  isRight = nixpkgs: objection (_: "") nixpkgs == null;
  chosen = if given == null then default else given;
  nixpkgs = if isRight chosen then chosen else default;
in
{
  inherit nixpkgs;
  isUsable = isRight nixpkgs;

  problems =
    { types, def }:
    let
      inherit (types) problem;
      found = objection problem.describe chosen;
    in
    if found == null then
      [ ]
    else
      [
        (
          problem.make (
            {
              loc = [ "nixpkgs" ];
              inherit def;
            }
            // found
          )
          // {
            option =
              if given == null then "the input nixpkgs of nixfleet" else "the argument nixpkgs of mkFleet";
          }
        )
      ];
}
