# Checks the arguments of mkFleet. `usable` has all arguments, with the default in place of each wrong value.
# `problems { types }` lists the mistakes in the arguments. `table` describes each argument: `description`
# completes the sentence "the argument must be …", `example` is a line in a call of mkFleet, and `code` is the
# value in such a line.
#
# `definition` takes the name of an argument and returns where a user defined the argument, for the messages.
{
  lib,
  definition ? null,
}:
given:
let
  inherit (builtins)
    attrNames
    elem
    filter
    isAttrs
    isList
    mapAttrs
    ;

  reserved = import ./reserved-arguments.nix;
  inventoryFile = import ./inventory-file.nix { inherit lib; };

  # The names in a set of module arguments that users cannot set.
  reservedIn = value: filter (name: elem name reserved) (attrNames value);

  arguments = {
    inputs = {
      description = "the inputs of the flake";
      meaning = "The inputs of the flake, which every module gets as the argument `inputs`.";
      accepts = isAttrs;
      default = { };
      example = "inherit inputs;";
      code = "inputs";
    };
    # Accepts any value, because lib/nixpkgs.nix reports the mistakes in the value.
    nixpkgs = {
      description = "the flake of nixpkgs";
      meaning = "The flake of nixpkgs. NixFleet takes `lib` from it, and the packages that modules name.";
      accepts = _: true;
      default = null;
      example = "inherit (inputs) nixpkgs;";
      code = "inputs.nixpkgs";
    };
    specialArgs = {
      description = "a set of module arguments by name";
      meaning = "Further arguments of all modules, which modules can also use in `imports`.";
      accepts = value: isAttrs value && reservedIn value == [ ];
      objection = describe: value: {
        what =
          if isAttrs value then
            "specialArgs of mkFleet must not contain ${lib.concatStringsSep ", " (reservedIn value)}, which NixFleet sets"
          else
            "the argument specialArgs of mkFleet must be a set of module arguments by name, but is ${describe value}";
        example = "specialArgs = { site = \"berlin\"; };";
      };
      default = { };
      example = "specialArgs = { site = \"berlin\"; };";
      code = "{ site = \"berlin\"; }";
    };
    # ./inventory-file.nix finds the mistakes in the value.
    inventory = {
      description = "the path of a TOML or JSON file";
      meaning = "The inventory as a TOML or JSON file with the keys of a fleet module.";
      accepts = value: inventoryFile.objection (_: "") value == null;
      objection = inventoryFile.objection;
      default = null;
      example = "inventory = ./inventory/prod.toml;";
      code = "./inventory/prod.toml";
    };
    modules = {
      description = "a list of modules";
      meaning = "Fleet modules: hosts, roles, tags, defaults.";
      accepts = isList;
      default = [ ];
      example = "modules = [ ./fleet.nix ];";
      code = "[ ./fleet.nix ]";
    };
    fleet = {
      description = "a set with hosts and network";
      meaning = "The short form of a fleet module: a set with `hosts` and `network`.";
      accepts = value: value == null || isAttrs value;
      default = null;
      example = "modules = [ ./fleet.nix ];";
      code = "{ hosts.web-1.ip = \"10.0.1.11\"; }";
    };
    hostConfigurations = {
      description = "a set of modules by the name of the host";
      meaning = "Intent modules by the name of the host, a short form of `hosts.<name>.modules`.";
      accepts = isAttrs;
      default = { };
      example = "hostConfigurations.web-1 = ./hosts/web-1.nix;";
      code = "{ web-1 = ./hosts/web-1.nix; }";
    };
  };

  # Names that are not arguments of mkFleet, but that users may pass by mistake. The value of each name is a
  # line that shows the correct way.
  elsewhere =
    let
      inventory = name: "modules = [ { ${name} = …; } ];";
      packages = "inherit (inputs) nixpkgs;";
    in
    {
      activator = inventory "activator";
      cli = inventory "cli";
      defaults = inventory "defaults";
      hosts = inventory "hosts";
      network = inventory "defaults";
      notifications = inventory "notifications";
      roles = inventory "roles";
      tags = inventory "tags";
      config = inventory "nixpkgs.config";
      extraSpecialArgs = "specialArgs = { … };";
      overlays = inventory "nixpkgs.overlays";
      self = "inherit inputs;";
      lib = packages;
      pkgs = packages;
      system = inventory "defaults.system";
    };

  definitionOf =
    if definition != null then
      definition
    else
      name: {
        file = "flake.nix";
        parent = given;
        attr = name;
      };

  isRight = name: arguments.${name}.accepts given.${name};
in
{
  definition = definitionOf;
  table = arguments;

  usable = mapAttrs (
    name: argument: if given ? ${name} && isRight name then given.${name} else argument.default
  ) arguments;

  problems =
    { types }:
    let
      inherit (types) problem;
      known = attrNames arguments;

      mistake =
        name: rest:
        problem.make (
          {
            loc = [ name ];
            def = definitionOf name;
          }
          // rest
        )
        // {
          option = "the argument ${name} of mkFleet";
        };

      unknown =
        name:
        let
          guess = problem.guess known name;
        in
        mistake name {
          what = "mkFleet has no argument ${name}";
          why = "it can have ${problem.names known}";
          example =
            elsewhere.${name} or (if guess == null then "one of these names, or nothing" else "${guess} = …;");
        };

      wrong =
        name:
        mistake name (
          if arguments.${name} ? objection then
            arguments.${name}.objection problem.describe given.${name}
          else
            {
              what = "the argument ${name} of mkFleet must be ${arguments.${name}.description}, but is ${problem.describe given.${name}}";
              inherit (arguments.${name}) example;
            }
        );
    in
    map unknown (filter (name: !elem name known) (attrNames given))
    ++ map wrong (filter (name: elem name known && !isRight name) (attrNames given));
}
