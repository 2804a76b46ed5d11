# Evaluates one host's modules to its intent: `evalHost { fleet; name; }`, with `fleet` from evalFleet.
#
# Returns { config; options; intent; problems; warnings; }. Use `intent` only if `problems` is empty:
# otherwise it contains placeholders for wrong values.
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

  # The mistakes of a host are reported even if its base has no backend.
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

  # Resolves each option of a family once, for its value and its mistakes. Options of foreign types, which a
  # module may declare, throw by themselves.
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
  # Includes options outside of `nixfleet`: assertions, warnings, and options of NixFleet types in users'
  # modules.
  resolved = resolve (removeAttrs options [ "_module" ]);
  intent = resolved.value.nixfleet;

  # Families that the backend cannot compile.
  families = lib.attrNames options.nixfleet;
  lacking = lib.optionals (backend != null) (lib.subtractLists (backend.families families) families);
  used =
    family:
    # A default does not count as use.
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

  # Mistakes that only the whole configuration shows. They are skipped if it contains placeholders.
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
