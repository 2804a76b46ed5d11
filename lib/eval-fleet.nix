# Evaluates fleet modules to the inventory and the intents of the hosts. An intent is evaluated only when it
# is used.
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
  # The version of the Nix that evaluates the fleet.
  nixVersion ? builtins.nixVersion,
  # Further arguments of all modules.
  specialArgs ? { },
  # `problems` returns the mistakes that the caller has found in its arguments. `definition` takes the name of
  # an argument and returns its location.
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
    # `host` includes the options that fleet modules add to hosts.
    host
    // {
      inherit name;
      base = or' host.base defaults.base;
      system = or' host.system defaults.system;
      ssh = {
        user = or' host.ssh.user defaults.ssh.user;
        port = or' host.ssh.port defaults.ssh.port;
        inherit (host.ssh) hostKey;
        authorizedKeys = lib.unique (defaults.ssh.authorizedKeys ++ host.ssh.authorizedKeys);
      };
      facts = defaults.facts // host.facts;
      nixpkgs = packageSettings host.nixpkgs;
      rollout.confirmTimeout =
        let
          timeout = or' host.rollout.confirmTimeout defaults.rollout.confirmTimeout;
        in
        # In the options, `false` means that there is no timeout. The evaluated inventory has null instead.
        if timeout == false then null else timeout;
      timeouts =
        if host.timeouts == null then
          defaults.timeouts
        else
          defaults.timeouts // lib.filterAttrs (_: timeout: timeout != null) host.timeouts;
      tags = lib.unique (defaults.tags ++ host.tags);
      roles = lib.unique (defaults.roles ++ host.roles);
    };

  # The configuration and overlays of nixpkgs for a host. `isOwn` says whether they differ from those of the
  # fleet.
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
        # Functions are not copied, so that equal configurations are found (./package-sets.nix).
        config =
          ofFleet.config // own.config // lib.mapAttrs (name: value: value ++ own.config.${name}) lists;
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
      ++ lib.optionals (fieldProblems == [ ]) (types.failedAssertions options.assertions);
    warnings = (types.resolveOption options.warnings).value;

    # The modules of the option families, by base. Each module costs evaluation time for each host. So the
    # modules that only declare options are merged into one module, which is made once for all hosts of a
    # base.
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

    evaluate = name: evalHost { inherit fleet name; };

    # The evaluations of all hosts. Nix keeps these evaluations in memory as long as the fleet. So they are
    # used only for reports, and if the modules of one host read the configuration of another host.
    intents = lib.mapAttrs (name: _: fleet.evaluate name) hosts;

    # The argument `hosts` that modules receive: the hosts of the inventory, each with its evaluated `config`.
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

  # The result if the given nixpkgs has no usable `lib`: a fleet without hosts, which only reports its
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
