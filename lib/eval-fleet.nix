# Fleet modules to the inventory and, lazily, the intent of each host.
{
  backends,
  checked,
  defaultNixpkgs,
  evalHost,
  packages,
}:
{
  inputs ? { },
  nixpkgs ? null,
  modules,
}:
let
  nixpkgs' = if nixpkgs == null then defaultNixpkgs else nixpkgs;
  inherit (nixpkgs') lib;

  types = import ./types { inherit lib; };
  inherit (types) problem;

  evaluated = lib.evalModules {
    class = "nixfleetFleet";
    specialArgs = { inherit inputs; };
    modules =
      lib.attrValues (import ./inventory { inherit lib types; })
      ++ [ { _module.freeformType = types.strangers; } ]
      ++ modules;
  };
  inherit (evaluated) config options;

  # Definitions of a host, for problems that no single option has.
  definitionOf =
    name:
    let
      defs = lib.filter (def: def.value ? ${name}) options.hosts.definitionsWithLocations;
    in
    {
      inherit (lib.head defs) file;
      parent = (lib.head defs).value;
      attr = name;
    };

  complete =
    name: host:
    let
      inherit (config) defaults;
      or' = value: default: if value == null then default else value;
    in
    {
      inherit name;
      inherit (host) addr modules;
      base = or' host.base defaults.base;
      system = or' host.system defaults.system;
      ssh = {
        user = or' host.ssh.user defaults.ssh.user;
        port = or' host.ssh.port defaults.ssh.port;
        inherit (host.ssh) hostKey;
      };
      tags = lib.unique (defaults.tags ++ host.tags);
      roles = lib.unique (defaults.roles ++ host.roles);
    };
  hostsOption = types.resolveOption options.hosts;
  hosts = lib.mapAttrs complete hostsOption.value;

  roleNames = lib.attrNames config.roles;

  unknownRoles =
    name: host:
    map (
      role:
      let
        guess = problem.guess roleNames role;
      in
      problem.make {
        loc = [
          "hosts"
          name
          "roles"
        ];
        def = definitionOf name;
        what = "host ${name} has the role ${builtins.toJSON role}, which does not exist";
        why = "the roles of this fleet are: ${problem.names roleNames}";
        example =
          if guess == null then
            "roles.${role} = ./roles/${role}.nix;"
          else
            "hosts.${name}.roles = [ ${builtins.toJSON guess} ];";
      }
    ) (lib.filter (role: !(config.roles ? ${role})) host.roles);

  noBackend =
    name: host:
    lib.optional (!(backends ? ${host.base})) (
      problem.make {
        loc = [
          "hosts"
          name
          "base"
        ];
        def = definitionOf name;
        what = "host ${name} has the base ${builtins.toJSON host.base}, which NixFleet cannot build yet";
        why = "this version has a backend for: ${problem.names (lib.attrNames backends)}";
        example = "hosts.${name}.base = \"ubuntu\";";
      }
    );

  sameAddress =
    let
      place = host: "${host.addr} port ${toString host.ssh.port}";
      # A placeholder stands for an address that is missing or wrong.
      wrong = map (p: p.option) fieldProblems;
      addressed = lib.filter (
        host: !lib.elem (lib.showOption [ "hosts" host.name "addr" ]) wrong
      ) (lib.attrValues hosts);
      groups = lib.groupBy place addressed;
      twice = lib.filterAttrs (_: group: lib.length group > 1) groups;
    in
    lib.mapAttrsToList (
      where: group:
      let
        names = map (host: host.name) group;
        last = lib.last names;
      in
      problem.make {
        loc = [
          "hosts"
          last
          "addr"
        ];
        def = definitionOf last;
        what = "the hosts ${lib.concatStringsSep " and " names} have the same address, ${where}";
        why = "each host needs an address of its own, or what is meant for one would be done to another";
        example = "hosts.${last}.addr = \"…\";";
      }
    ) twice;

  fieldProblems = hostsOption.problems ++ types.optionProblems (removeAttrs options [ "hosts" ]);

  fleet = {
    inherit
      config
      hosts
      inputs
      lib
      options
      types
      ;
    nixpkgs = nixpkgs';
    backends = lib.mapAttrs (_: backend: backend { inherit lib types; }) backends;

    problems =
      fieldProblems
      ++ types.strangerProblems options (config._strangers or [ ])
      ++ lib.concatLists (lib.mapAttrsToList unknownRoles hosts)
      ++ lib.concatLists (lib.mapAttrsToList noBackend hosts)
      ++ sameAddress;

    # The options of all families as one module, made once for all hosts: the module system pays for each module again
    # with each host.
    intentModule = {
      _file = ../modules;
      config._module.freeformType = types.strangers;
      options = lib.foldl' lib.recursiveUpdate { } (
        lib.catAttrs "options" (lib.attrValues (import ../modules { inherit lib types; }))
      );
    };

    intents = lib.mapAttrs (name: _: evalHost { inherit fleet name; }) hosts;

    # What modules get as `hosts`: the inventory, and each host's configuration.
    arguments = lib.mapAttrs (
      name: host: removeAttrs host [ "modules" ] // { inherit (fleet.intents.${name}) config; }
    ) hosts;

    checked = checked fleet;

    # The activator's binary by system, for systems that have one. Out of a source tree only the file itself is taken, so
    # that hosts get nothing else of it; what a derivation built stays where it is.
    activators =
      lib.mapAttrs (
        _: package: "${package.nixfleet-activate}/bin/nixfleet-activate"
      ) packages
      // lib.mapAttrs (
        _: given:
        let
          origins = lib.attrValues (builtins.getContext "${given}");
        in
        if builtins.isString given && lib.any (origin: origin ? outputs) origins then
          given
        else
          "${builtins.path {
            path = given;
            name = "nixfleet-activate";
          }}"
      ) config.activator;

    # The folder of the command line by system.
    clis = lib.mapAttrs (_: package: package.nixfleet) packages // config.cli;
  };
in
fleet
