# Each file in ./mistakes is a fleet module with mistakes; the text beside it is all that a user gets to see.
{ lib, nixfleet, ... }:
let
  modules = lib.filter (lib.hasSuffix ".nix") (lib.attrNames (builtins.readDir ./mistakes));

  textOf =
    module:
    nixfleet.report (
      nixfleet.evalFleet {
        # Paths are shown relative to the user's flake.
        inputs.self = ./mistakes;
        modules = [ (./mistakes + "/${module}") ];
      }
    );

  texts = lib.listToAttrs (
    map (module: lib.nameValuePair (lib.removeSuffix ".nix" module) (textOf module)) modules
  );
in
{
  inherit texts;

  tests = lib.mapAttrs (name: text: {
    expr = text;
    expected = builtins.readFile (./mistakes + "/${name}.txt");
  }) texts;
}
