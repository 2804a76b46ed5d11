# The module for flake-parts, the flake output `flakeModules.default`. Its options `nixfleet.<name>` are the
# arguments of mkFleet, and it adds the outputs of the fleet to those of the flake.
#
# `mkFleetFrom definition arguments` is mkFleet, with the locations of the arguments. mkFleet reports mistakes
# in the values, also in their types, so the options accept every value.
{ mkFleetFrom }:
{
  config,
  inputs,
  lib,
  options,
  ...
}:
let
  inherit (lib) mkOption types;
  inherit (import ./arguments.nix { inherit lib; } { }) table;

  option =
    name: more:
    mkOption (
      {
        type = types.raw;
        inherit (table.${name}) default;
        description = table.${name}.meaning;
        example = lib.literalExpression table.${name}.code;
      }
      // more
    );

  # Lists of several modules are joined. A value that is no list stays as it is, and mkFleet reports it.
  joined = types.mkOptionType {
    name = "modules";
    description = "list of fleet modules";
    merge =
      _: defs:
      if lib.all (def: lib.isList def.value) defs then
        lib.concatMap (def: def.value) defs
      else
        (lib.findFirst (def: !lib.isList def.value) null defs).value;
  };

  # Sets of several modules are merged. A value that is no set stays as it is, and mkFleet reports it.
  merged = types.mkOptionType {
    name = "set";
    description = "attribute set";
    merge =
      _: defs:
      if lib.all (def: lib.isAttrs def.value) defs then
        lib.foldl' (all: def: all // def.value) { } defs
      else
        (lib.findFirst (def: !lib.isAttrs def.value) null defs).value;
  };

  arguments = {
    inputs = option "inputs" {
      default = inputs;
      defaultText = lib.literalMD "the inputs of the flake";
    };
    nixpkgs = option "nixpkgs" {
      default = inputs.nixpkgs or null;
      defaultText = lib.literalMD "the input `nixpkgs` of the flake, or else the one of NixFleet";
    };
    modules = option "modules" { type = joined; };
    specialArgs = option "specialArgs" { type = merged; };
    hostConfigurations = option "hostConfigurations" { type = merged; };
    fleet = option "fleet" { };
    inventory = option "inventory" { };
  };

  # The file and line of a user's definition of an argument.
  definition =
    name:
    let
      defs = options.nixfleet.definitionsWithLocations;
      found = lib.findFirst (def: lib.isAttrs def.value && def.value ? ${name}) null defs;
    in
    if found == null then
      { file = "flake.nix"; }
    else
      {
        inherit (found) file;
        parent = found.value;
        attr = name;
      };
in
{
  _class = "flake";
  _file = ./flake-module.nix;
  key = "nixfleet#flakeModules.default";

  options.nixfleet = mkOption {
    type = types.submodule {
      options = arguments;
      # Unknown names reach mkFleet, which reports them.
      freeformType = types.lazyAttrsOf types.raw;
    };
    default = { };
    example = lib.literalExpression "{ modules = [ ./fleet.nix ]; }";
    description = "The fleet: the arguments of `nixfleet.lib.mkFleet`.";
  };

  config.flake = mkFleetFrom definition config.nixfleet;
}
