# Tests of the Nix code on the pages of the documentation about packages and flakes.
{
  blocksOf,
  lib,
  nixfleet,
  nixpkgs,
  ...
}:
let
  # The code blocks of the page about packages: settings of nixpkgs, another nixpkgs, and modules for all
  # hosts.
  packagesPage = blocksOf ../../docs/how-to/packages.md;
  withPackages =
    block:
    nixfleet.mkFleet {
      inputs.nixpkgs-stable = nixpkgs;
      modules = [
        block
        { activator.x86_64-linux = ./pages.nix; }
      ];
    };

  # The code blocks of the page about flakes: a flake, a flake with flake-parts, and a flake with an inventory
  # file. The fourth block is left out, because it is not a flake and needs the network.
  flakesPage = lib.take 3 (blocksOf ../../docs/how-to/flakes.md);
  # Calls the function `outputs` of the flake in a block, and returns the arguments that the flake gives to
  # mkFleet.
  argumentsOf =
    block:
    block.outputs {
      self.outPath = ./.;
      inherit nixpkgs;
      nixfleet.lib.mkFleet = arguments: arguments;
      nixfleet.flakeModules.default = { };
      flake-parts.lib.mkFlake = _: module: module;
    };
in
{
  "the page about packages says what works" = {
    expr = map (
      block:
      lib.mapAttrs (_: host: [
        (lib.attrNames host.config.nixfleet.files)
        host.pkgs.hello.name
      ]) (withPackages block).nixfleet.hosts
    ) packagesPage;
    expected = [
      {
        web-1 = [
          [ ]
          "hello-2.0"
        ];
        web-2 = [
          [ ]
          "hello-1.0"
        ];
      }
      {
        web-1 = [
          [ ]
          "hello-2.0"
        ];
      }
      {
        web-1 = [
          [
            "/etc/motd"
            "/etc/site"
          ]
          "hello-2.0"
        ];
      }
    ];
  };

  "the page about flakes calls mkFleet with arguments that it has" = {
    expr = map (block: lib.attrNames (argumentsOf block)) flakesPage;
    expected = [
      [
        "inputs"
        "modules"
        "nixpkgs"
      ]
      [
        "imports"
        "nixfleet"
        "systems"
      ]
      [
        "inputs"
        "inventory"
        "nixpkgs"
      ]
    ];
  };

  "the page about flakes has every argument of mkFleet" = {
    expr =
      let
        page = builtins.readFile ../../docs/how-to/flakes.md;
      in
      lib.filter (name: !lib.hasInfix "`${name}`" page) (
        lib.attrNames (import ../../lib/arguments.nix { inherit lib; } { }).table
      );
    expected = [ ];
  };
}
