# Evaluates the modules of one host to its intent: `evalHost { fleet; name; }`, where `fleet` is a result of
# evalFleet.
#
# Returns { config; options; intent; problems; warnings; }. `intent` may be used only if `problems` is empty.
# Otherwise it contains placeholders for wrong values.
{ fleet, name }:
let
  inherit (fleet) lib types;
  host = fleet.hosts.${name};

  specialArgs = {
    inherit name;
    inherit (fleet) inputs;
    hosts = fleet.arguments;
    host = fleet.arguments.${name};
    pkgs = fleet.nixpkgs.legacyPackages.${host.system} or (throw noPackages);
  };

  noPackages =
    "[NF-201] nixpkgs has no packages for ${host.system}, the system of host ${name}\n"
    + "write: hosts.${name}.system = \"x86_64-linux\";";

  backend = fleet.backends.${host.base} or null;

  # The class and the option families to evaluate the host with. If its base has no backend, those of another
  # base are used, so that the other mistakes of the host are reported too.
  like =
    let
      base = if backend == null then lib.head (lib.attrNames fleet.backends) else host.base;
    in
    {
      inherit (fleet.backends.${base}) class;
      modules = fleet.intentModules.${base};
    };

  evaluated = import ./eval-modules.nix { inherit lib; } {
    inherit (like) class;
    inherit specialArgs;
    modules = map roleModule knownRoles ++ host.modules;
    ours = like.modules;
  };
  inherit (evaluated) config options;

  knownRoles = lib.filter (role: fleet.config.roles ? ${role}) host.roles;
  roleModule = role: fleet.config.roles.${role};

  # Resolves each option once, for both its value and its mistakes. A module may also declare options with
  # types that are not NixFleet's. A mistake in the value of such an option is thrown at once.
  resolve =
    tree:
    let
      inner = lib.mapAttrs (_: resolve) tree;
    in
    if !lib.isOption tree then
      {
        value = lib.mapAttrs (_: result: result.value) inner;
        problems = lib.concatMap (result: result.problems) (lib.attrValues inner);
      }
    else if tree.type ? resolve then
      types.resolveOption tree
    else
      {
        inherit (tree) value;
        problems = [ ];
      };
  # This includes options outside of `nixfleet`: assertions, warnings, and options of NixFleet types in users'
  # modules.
  resolved = resolve (removeAttrs options [ "_module" ]);
  intent = resolved.value.nixfleet;

  # The option families that the backend cannot compile.
  families = lib.attrNames options.nixfleet;
  lacking = lib.optionals (backend != null) (lib.subtractLists (backend.families families) families);
  used =
    family:
    # An option that has only its default value is not used.
    lib.filter (option: option.highestPrio < (lib.mkOptionDefault null).priority) (
      lib.collect lib.isOption { ${family} = options.nixfleet.${family}; }
    );
  uncompiled =
    option:
    types.problem.make {
      inherit (option) loc;
      def = lib.head option.definitionsWithLocations;
      what = "${lib.showOption option.loc} cannot be declared for a host of the base ${builtins.toJSON host.base}";
      why = "its backend has no option of that name";
      example = "hosts.${name}.base = \"ubuntu\";";
    };

  own =
    resolved.problems
    ++ map uncompiled (lib.concatMap used lacking)
    ++ types.strangerProblems fleet.misplaced.inHost options (config._strangers or [ ])
    ++ fleet.moduleArguments specialArgs options;

  # The mistakes that only the whole configuration shows. Those in options that have placeholders are dropped
  # below.
  together = lib.optionals (backend != null) (
    backend.problems {
      inherit intent options;
      inherit (fleet) inputs;
    }
  );
  wrong = map (problem: problem.option) own;

  problems =
    if own == [ ] then
      together
      ++ lib.optionals (resolved.value.assertions != [ ]) (types.failedAssertions options.assertions)
    else
      own ++ lib.filter (problem: !lib.elem problem.option wrong) together;
in
{
  inherit config options intent;
  inherit (resolved.value) warnings;
  problems = map (problem: problem // { host = name; }) problems;
}
