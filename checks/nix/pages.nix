# Tests of the Nix code on the pages of the documentation about packages and flakes, and of the page about
# NixOS hosts: its lists of options and of types of units are those of the code.
{
  blocksOf,
  evalFleet,
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

  # The page about NixOS hosts: its section about options, in one line.
  nixosPage = lib.head (
    lib.splitString "\n## The names of all hosts" (
      lib.last (lib.splitString "\n## Options on NixOS\n" (builtins.readFile ../../docs/how-to/nixos.md))
    )
  );
  nixosOptions = lib.replaceStrings [ "\n" ] [ " " ] nixosPage;
  unitTypes = import ../../backends/nixos/unit-types.nix { inherit lib; };
  # A list of types as words, such as "path, slice or target".
  inWords = types: "${lib.concatStringsSep ", " (lib.init types)} or ${lib.last types}";
in
{
  "the page about NixOS hosts has each option" = {
    expr =
      let
        options = lib.attrNames (evalFleet { hosts.host.addr = "host"; }).intents.host.options.nixfleet;
        isMissing =
          option:
          !lib.any (end: lib.hasInfix "`${option}${end}" nixosOptions) [
            "`"
            "."
          ];
      in
      lib.filter isMissing options;
    expected = [ ];
  };

  "the page about NixOS hosts has the types of units that NixOS restarts or leaves" = {
    expr = map (words: lib.hasInfix words nixosOptions) [
      "| `false` for an ${inWords unitTypes.restarted}; `true` for a ${inWords unitTypes.left} |"
      "- NixOS does not restart a ${inWords unitTypes.left} if its unit changes."
    ];
    expected = [
      true
      true
    ];
  };

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
