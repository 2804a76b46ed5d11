# Reads an inventory from a TOML or JSON file, which has the keys of a fleet module.
{ lib }:
let
  inherit (builtins)
    isAttrs
    isList
    isPath
    isString
    mapAttrs
    pathExists
    ;

  isYaml = file: lib.hasSuffix ".yaml" file || lib.hasSuffix ".yml" file;
  readers = {
    ".toml" = text: builtins.fromTOML text;
    ".json" = builtins.fromJSON;
  };
  readerOf =
    file: lib.findFirst (suffix: lib.hasSuffix suffix file) null (builtins.attrNames readers);

  # Whether a string refers to the output of a derivation. Nix would have to build the derivation during the
  # evaluation.
  isBuilt = file: lib.any (origin: origin ? outputs) (lib.attrValues (builtins.getContext file));

  example = "inventory = ./inventory/prod.toml;";
in
{
  # Returns the mistake in the argument `inventory` as { what; why; example; }, or null if there is none.
  # `describe` returns a description of a wrong value for the message.
  objection =
    describe: given:
    let
      name = baseNameOf given;
    in
    if given == null then
      null
    else if !isPath given && !(isString given && lib.hasPrefix "/" given) then
      {
        what = "the argument inventory of mkFleet must be the path of a TOML or JSON file, but is ${describe given}";
        example = if isString given then "inventory = ./${lib.removePrefix "./" given};" else example;
      }
    else if isString given && isBuilt given then
      {
        what = "the argument inventory of mkFleet must be a file in a source tree, but is the output of a derivation";
        why = "Nix would have to build it to evaluate the fleet";
        inherit example;
      }
    else if isYaml name then
      {
        what = "the inventory ${name} is a YAML file";
        why = "Nix reads TOML and JSON itself, but could read YAML only with a program that it builds during the evaluation";
        example = "inventory = …/${lib.removeSuffix ".yml" (lib.removeSuffix ".yaml" name)}.toml;";
      }
    else if readerOf name == null then
      {
        what = "the inventory ${name} is no TOML or JSON file: its name ends in neither .toml nor .json";
        inherit example;
      }
    else if !pathExists given then
      {
        what = "the inventory ${name} does not exist";
        why = "in a Git repository, Nix sees only files that Git tracks";
        example = "git add …/${name}  # if the file exists";
      }
    else
      null;

  # Returns the fleet module of an inventory file. Where the inventory names modules or programs, a string
  # that starts with `./` or `../` becomes a path relative to the file.
  module =
    file:
    let
      directory = dirOf file;
      relative =
        value:
        if isString value && (lib.hasPrefix "./" value || lib.hasPrefix "../" value) then
          directory + "/${value}"
        else
          value;
      each = change: value: if isAttrs value then mapAttrs (_: change) value else value;
      list = value: if isList value then map relative value else value;
      at =
        name: change: set:
        if isAttrs set && set ? ${name} then set // { ${name} = change set.${name}; } else set;
      data = builtins.addErrorContext "while reading the inventory `${toString file}':" (
        readers.${readerOf (baseNameOf file)} (builtins.readFile file)
      );
    in
    {
      _file = file;
      config = lib.foldl' (set: change: change set) data [
        (at "roles" (each relative))
        (at "activator" (each relative))
        (at "cli" (each relative))
        (at "defaults" (at "modules" list))
        (at "hosts" (each (at "modules" list)))
      ];
    };
}
