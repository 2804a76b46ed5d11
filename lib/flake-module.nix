# The module for flake-parts, which is the flake output `flakeModules.default`. Its options `nixfleet.<name>`
# are the arguments of mkFleet. The module adds the outputs of the fleet to the outputs of the flake.
#
# `mkFleetFrom definition arguments` is mkFleet with a function that locates the definition of each argument.
# mkFleet reports all mistakes in the arguments, wrong types included, so the options here accept every value.
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

  # Joins the lists that several modules define. If a value is not a list, that value is returned, and mkFleet
  # reports it.
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

  # Merges the sets that several modules define. If a value is not a set, that value is returned, and mkFleet
  # reports it.
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

  # Returns the file and the set in which a user defines an argument of mkFleet.
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
      # Options with unknown names are passed to mkFleet, which reports them.
      freeformType = types.lazyAttrsOf types.raw;
    };
    default = { };
    example = lib.literalExpression "{ modules = [ ./fleet.nix ]; }";
    description = "The fleet: the arguments of `nixfleet.lib.mkFleet`.";
  };

  config.flake = mkFleetFrom definition config.nixfleet;
}
