# Tests of error texts. Each file in ./mistakes is a fleet module with mistakes, and the .txt file beside it
# is the complete expected error text. Each file in ./mistakes/calls has wrong arguments of mkFleet.
{
  lib,
  nixfleet,
  nixpkgs,
  ...
}:
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

  calls = lib.filter (lib.hasSuffix ".nix") (lib.attrNames (builtins.readDir ./mistakes/calls));

  textOfCall =
    call:
    nixfleet.report (
      nixfleet.fleetOf (
        import (./mistakes/calls + "/${call}") {
          inputs = {
            self = ./mistakes;
            inherit nixpkgs;
          };
        }
      )
    );

  named =
    folder: text: file:
    lib.nameValuePair (folder + lib.removeSuffix ".nix" file) (text file);

  texts = lib.listToAttrs (map (named "" textOf) modules ++ map (named "calls/" textOfCall) calls);
in
{
  inherit texts;

  tests = lib.mapAttrs (name: text: {
    expr = text;
    expected = builtins.readFile (./mistakes + "/${name}.txt");
  }) texts;
}
