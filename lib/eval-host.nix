# One host's modules to its intent: `evalHost { fleet; name; }`, with `fleet` from evalFleet.
#
# Gives { config; options; intent; problems; warnings; }. Nothing of `intent` may be used before `problems` is known to be empty:
# placeholders stand in it for what is wrong.
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

  # A host of a base without a backend has mistakes to be told, too.
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

  # Each option of a family once, for its value and for its mistakes. A module may declare more, of types that are not ours:
  # those throw by themselves.
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
  # With what stands beside `nixfleet`: assertions, warnings, and what users' modules declare with types of ours.
  resolved = resolve (removeAttrs options [ "_module" ]);
  intent = resolved.value.nixfleet;

  # What the backend has no families for.
  families = lib.attrNames options.nixfleet;
  lacking = lib.optionals (backend != null) (lib.subtractLists (backend.families families) families);
  used =
    family:
    # A default is no use of it.
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

  # What shows only when everything is seen together. Of a placeholder there is nothing to say.
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
