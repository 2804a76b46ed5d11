# Shared code of the tests: the library under test, and functions that evaluate one host.
{ nixpkgs }:
let
  inherit (nixpkgs) lib;

  nixfleet = import ../../lib {
    inherit nixpkgs;
    # No test builds these programs.
    packages.x86_64-linux = {
      nixfleet = throw "the command line was evaluated";
      nixfleet-activate = throw "the activator was evaluated";
    };
  };

  # Any file can replace the activator in tests that build nothing.
  prebuilt.activator.x86_64-linux = ./world.nix;

  evalFleet =
    module:
    nixfleet.evalFleet {
      modules = [
        prebuilt
        module
      ];
    };

  mkFleet =
    module:
    nixfleet.mkFleet {
      modules = [
        prebuilt
        module
      ];
    };

  # The blocks of Nix code on a page, in the order of the page.
  blocksOf =
    page:
    map (block: import (builtins.toFile "block.nix" (lib.head (lib.splitString "\n```" block)))) (
      lib.tail (lib.splitString "```nix\n" (builtins.readFile page))
    );

  # Returns the Intent document of a host with these modules.
  document =
    modules:
    (mkFleet {
      hosts.host = {
        addr = "host.example.org";
        inherit modules;
      };
    }).nixfleet.hosts.host.toplevel.intent;

  # Evaluates a NixOS host with these modules.
  evalNixos =
    modules:
    (evalFleet {
      hosts.host = {
        addr = "host.example.org";
        base = "nixos";
        inherit modules;
      };
    }).intents.host;

  # The files of an Intent document, except the recovery units, which every host has.
  declaredFiles = intent: lib.filter (file: !lib.hasInfix "nixfleet-recover" file.path) intent.files;
in
{
  inherit
    blocksOf
    declaredFiles
    document
    evalFleet
    evalNixos
    lib
    mkFleet
    nixfleet
    nixpkgs
    prebuilt
    ;

  # All mistakes of a fleet as one text, or null.
  report = module: nixfleet.report (evalFleet module);
}
