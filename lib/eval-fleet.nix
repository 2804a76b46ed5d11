# Evaluates fleet modules, and returns the inventory and the intents of the hosts. Each intent is evaluated
# only if it is used.
{
  backends,
  checked,
  defaultNixpkgs,
  evalHost,
  families,
  packages,
}:
{
  inputs ? { },
  nixpkgs ? null,
  modules,
  # The version of Nix that evaluates the fleet.
  nixVersion ? builtins.nixVersion,
  # Module arguments that all modules get in addition to NixFleet's own.
  specialArgs ? { },
  # `problems` returns the mistakes that the caller has found in its own arguments. `definition` takes the
  # name of an argument and returns where the argument is defined.
  problems ? _: [ ],
  definition ? _: { file = "flake.nix"; },
}:
let
  source = import ./nixpkgs.nix {
    given = nixpkgs;
    default = defaultNixpkgs;
  };
  inherit (source.nixpkgs) lib;

  types = import ./types { inherit lib; };

  evaluated = import ./eval-modules.nix { inherit lib; } {
    class = "nixfleetFleet";
    specialArgs = specialArgs // {
      inherit inputs;
    };
    inherit modules;
    ours = lib.attrValues (import ./inventory { inherit lib types; }) ++ [
      (import ../modules/assertions.nix { inherit lib types; })
      { _module.freeformType = types.strangers; }
    ];
  };
  inherit (evaluated) config options;

  complete =
    name: host:
    let
      inherit (config) defaults;
      or' = value: default: if value == null then default else value;
    in
    # `host` is included as a whole, because fleet modules may add options to hosts.
    host
    // {
      inherit name;
      base = or' host.base defaults.base;
      system = or' host.system defaults.system;
      ssh = {
        user = or' host.ssh.user defaults.ssh.user;
        port = or' host.ssh.port defaults.ssh.port;
        hostKey = or' host.ssh.hostKey (hostKeys.keys.${name} or null);
        authorizedKeys = lib.unique (defaults.ssh.authorizedKeys ++ host.ssh.authorizedKeys);
      };
      facts = defaults.facts // host.facts;
      nixpkgs = packageSettings host.nixpkgs;
      rollout.confirmTimeout =
        let
          timeout = or' host.rollout.confirmTimeout defaults.rollout.confirmTimeout;
        in
        # In the options, `false` means that no confirmation is awaited. The evaluated inventory has null
        # instead.
        if timeout == false then null else timeout;
      timeouts =
        if host.timeouts == null then
          defaults.timeouts
        else
          defaults.timeouts // lib.filterAttrs (_: timeout: timeout != null) host.timeouts;
      tags = lib.unique (defaults.tags ++ host.tags);
      roles = lib.unique (defaults.roles ++ host.roles);
    };

  # Returns the configuration and the overlays of nixpkgs for a host. `isOwn` says whether the host has
  # settings of nixpkgs in addition to those of the fleet.
  packageSettings =
    own:
    let
      ofFleet = config.nixpkgs;
      both = builtins.intersectAttrs own.config ofFleet.config;
      lists = lib.filterAttrs (name: value: lib.isList value && lib.isList own.config.${name}) both;
    in
    if own == null || own.config == { } && own.overlays == [ ] then
      ofFleet // { isOwn = false; }
    else
      {
        isOwn = true;
        overlays = ofFleet.overlays ++ own.overlays;
        # Nix compares functions by identity. The functions are not copied, so ./package-sets.nix finds hosts
        # with an equal configuration.
        config =
          ofFleet.config // own.config // lib.mapAttrs (name: value: value ++ own.config.${name}) lists;
      };

  hostKeys = import ./host-keys.nix {
    inherit
      config
      lib
      options
      types
      ;
  };

  hostsOption = types.resolveOption options.hosts;
  hosts = lib.mapAttrs complete hostsOption.value;

  argumentProblems =
    problems { inherit types; }
    ++ import ./nix-version.nix {
      inherit types;
      version = nixVersion;
    }
    ++ source.problems {
      inherit types;
      def = definition "nixpkgs";
    };
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
    inherit (source) nixpkgs;
    packagesOf = import ./package-sets.nix {
      inherit hosts lib;
      inherit (source) nixpkgs;
    };
    inherit specialArgs;
    moduleArguments = import ./module-arguments.nix { inherit types; };
    misplaced = import ./misplaced.nix { inherit lib; };
    backends = lib.mapAttrs (_: backend: backend { inherit lib types; }) backends;

    problems =
      argumentProblems
      ++ fieldProblems
      ++ types.strangerProblems fleet.misplaced.inFleet options (config._strangers or [ ])
      ++ fleet.moduleArguments (specialArgs // { inherit inputs; }) options
      ++ import ./inventory/mistakes.nix {
        inherit
          config
          hosts
          lib
          options
          types
          ;
        inherit (fleet) backends nixpkgs;
        wrong = map (problem: problem.option) fieldProblems;
      }
      ++ hostKeys.problems {
        given = hostsOption.value;
        inherit hosts;
      }
      ++ lib.optionals (fieldProblems == [ ]) (types.failedAssertions options.assertions);
    warnings = (types.resolveOption options.warnings).value ++ hostKeys.warnings;

    # The modules of the option families, by base. Each module costs evaluation time for each host. So all
    # modules that only declare options are merged into one module, once for all hosts of a base.
    intentModules = lib.mapAttrs (
      _: backend:
      let
        all = lib.attrValues (
          removeAttrs (families {
            inherit lib types;
            inherit (backend) newAccount;
          }) backend.native
        );
        onlyDeclares =
          family:
          lib.isAttrs family
          &&
            removeAttrs family [
              "_file"
              "options"
            ] == { };
        sorted = lib.partition onlyDeclares all;
      in
      [
        {
          _file = ../modules;
          inherit (backend) config;
          options = lib.foldl' lib.recursiveUpdate { } (lib.catAttrs "options" sorted.right);
        }
      ]
      ++ sorted.wrong
    ) fleet.backends;

    # The functions that evaluate the modules of hosts, by base. They share all work that is the same for each
    # host.
    evaluations = lib.mapAttrs (
      base: backend: backend.evaluate fleet.intentModules.${base}
    ) fleet.backends;

    evaluate = name: evalHost { inherit fleet name; };
    evaluateBare =
      name:
      evalHost {
        inherit fleet name;
        isBare = true;
      };

    # The evaluations of all hosts. As long as the fleet is used, Nix keeps these evaluations in memory. So
    # they are used only for reports, and when a module of one host reads the configuration of another host.
    intents = lib.mapAttrs (name: _: fleet.evaluate name) hosts;

    # The module argument `hosts`: the hosts of the inventory, each with its evaluated `config`.
    arguments = lib.mapAttrs (
      name: host:
      removeAttrs host [
        "modules"
        "nixpkgs"
        "pkgs"
        "specialArgs"
      ]
      // {
        config = types.context.throughout name fleet.intents.${name}.config;
      }
    ) hosts;

    checked = checked fleet;

    inherit (import ./programs.nix { inherit config lib packages; }) activators clis;
  };

  # The result if the given nixpkgs has no usable `lib`. This fleet has no hosts, and only reports its
  # mistakes.
  nothing = {
    inherit inputs lib types;
    problems = argumentProblems;
    config = { };
    hosts = { };
    intents = { };
    checked = checked nothing;
    activators = nothing.checked { } { };
    clis = nothing.checked { } { };
  };
in
if source.isUsable then fleet else nothing
