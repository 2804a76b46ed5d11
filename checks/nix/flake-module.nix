# Tests of the module for flake-parts. They use the stand-in for flake-parts in ../fixtures. If the argument
# `flakeParts` of ./default.nix is the real flake of flake-parts, the same tests use this flake instead.
{
  flakeParts ? null,
  lib,
  nixfleet,
  nixpkgs,
  prebuilt,
  ...
}:
let
  self = {
    outPath = ./.;
    _type = "flake";
    inputs = { };
    outputs = { };
    sourceInfo = { };
  };

  standIn =
    ((import ../fixtures/flake-parts/flake.nix).outputs { nixpkgs-lib = nixpkgs; }).lib.mkFlake;

  mkFlake =
    if flakeParts == null then
      standIn
    else
      arguments: module: flakeParts.lib.mkFlake arguments ({ systems = [ "x86_64-linux" ]; } // module);

  flake =
    module:
    mkFlake
      {
        inputs = {
          inherit nixpkgs self;
        };
      }
      {
        imports = [
          nixfleet.flakeModule
          module
        ];
      };

  outputs = flake {
    imports = [ { nixfleet.modules = [ prebuilt ]; } ];
    nixfleet.modules = [ ./flake-module/fleet.nix ];
    nixfleet.hostConfigurations.web-1.nixfleet.files."/etc/x".text = "x";
    nixfleet.specialArgs.site = "berlin";
    flake.apps.x86_64-linux.other = {
      type = "app";
      program = "/bin/other";
    };
    flake.nixosModules.other = { };
  };
in
{
  "the outputs of the fleet are outputs of the flake, beside others" = {
    expr = {
      inherit (outputs.nixfleet.fleet.hosts.web-1) addr tags;
      apps = lib.attrNames outputs.apps.x86_64-linux;
      checks = lib.attrNames outputs.checks.x86_64-linux;
      systems = lib.attrNames outputs.nixosConfigurations;
      modules = lib.attrNames outputs.nixosModules;
      hive = lib.attrNames outputs.colmena;
      isBuildable = lib.hasSuffix ".drv" outputs.nixfleet.hosts.web-1.toplevel.drvPath;
    };
    expected = {
      addr = "10.0.1.11";
      tags = [ "berlin" ];
      apps = lib.sort lib.lessThan (
        lib.attrNames (nixfleet.mkFleet { modules = [ { cli.x86_64-linux = ./.; } ]; }).apps.x86_64-linux
        ++ [ "other" ]
      );
      checks = [
        "nixfleet-db-1"
        "nixfleet-web-1"
      ];
      systems = [ "db-1" ];
      modules = [
        "fleet-deploy-user"
        "fleet-hosts"
        "other"
      ];
      hive = [
        "db-1"
        "meta"
      ];
      isBuildable = true;
    };
  };

  "modules receive the inputs of the flake" = {
    expr =
      (flake {
        nixfleet.modules = [
          prebuilt
          (
            { inputs, ... }:
            {
              hosts.web-1.addr = if inputs ? self then "web-1" else "none";
            }
          )
        ];
      }).nixfleet.fleet.hosts.web-1.addr;
    expected = "web-1";
  };

  "a flake without a fleet has no hosts" = {
    expr = (flake { }).nixfleet.fleet.hosts;
    expected = { };
  };

  "every option has a type, a description, an example and a default" = {
    expr =
      let
        evaluated = lib.evalModules {
          class = "flake";
          specialArgs.inputs = { };
          modules = [
            nixfleet.flakeModule
            { options.flake = lib.mkOption { type = lib.types.raw; }; }
          ];
        };
        all = lib.filter (option: !lib.hasInfix "_module" option.name) (
          lib.optionAttrSetToDocList { inherit (evaluated.options) nixfleet; }
        );
        isWhole =
          option:
          option ? example
          && option ? default
          && lib.hasSuffix "." option.description
          && option.type != "unspecified";
      in
      {
        names = map (option: option.name) all;
        wrong = map (option: option.name) (lib.filter (option: !isWhole option) all);
      };
    expected = {
      names = [
        "nixfleet"
        "nixfleet.fleet"
        "nixfleet.hostConfigurations"
        "nixfleet.inputs"
        "nixfleet.inventory"
        "nixfleet.modules"
        "nixfleet.nixpkgs"
        "nixfleet.specialArgs"
      ];
      wrong = [ ];
    };
  };

  "mistakes in the options have the place of the definition" = {
    expr =
      let
        inherit
          (lib.evalModules {
            class = "flake";
            specialArgs.inputs.self = ./flake-module;
            modules = [
              (import ../../lib/flake-module.nix {
                mkFleetFrom = definition: arguments: nixfleet.report (nixfleet.fleetFrom definition arguments);
              })
              { options.flake = lib.mkOption { type = lib.types.raw; }; }
              ./flake-module/wrong.nix
            ];
          })
          config
          ;
      in
      config.flake;
    expected = ''
      [NF-201] 2 mistakes in the fleet

      1. mkFleet has no argument module
         where: the argument module of mkFleet, in wrong.nix:3
         why: it can have fleet, hostConfigurations, inputs, inventory, modules, nixpkgs, specialArgs
         write: modules = …;

      2. the argument hostConfigurations of mkFleet must be a set of modules by the name of the host, but is a list
         where: the argument hostConfigurations of mkFleet, in wrong.nix:4
         write: hostConfigurations.web-1 = ./hosts/web-1.nix;
    '';
  };
}
