# The nixpkgs of a fleet: the one that is given, or NixFleet's own.
#
# Gives { nixpkgs; isUsable; problems; }. Where the given one is no nixpkgs at all, its place is taken by NixFleet's own,
# so that all other mistakes can be told with this one; `isUsable` says whether there is one to evaluate a fleet with.
{ given, default }:
let
  inherit (builtins) isAttrs pathExists;

  # The oldest release of `lib` that the tests run with.
  oldest = "23.11";

  # From the file that `lib.trivial.release` comes from, which an incomplete copy may lack: that would end the evaluation.
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

  # The class of modules came with 23.05.
  isOld =
    lib:
    let
      arguments = builtins.functionArgs lib.evalModules;
    in
    hasOldRelease lib || (arguments != { } && !(arguments ? class));
  hasOldRelease =
    lib:
    let
      release = releaseOf lib;
    in
    release != null && builtins.compareVersions release oldest < 0;

  takes = "of it NixFleet takes `lib`, and `legacyPackages` for the packages that modules name";
  take = "inherit (inputs) nixpkgs;";

  # What is wrong with it: { what; why; example; }, or null. `describe` puts a value in words.
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
      isNot "a package set, as legacyPackages.<system> is one"
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
        why = "${oldest} is the oldest release whose lib can evaluate a fleet; hosts may still have any packages";
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
