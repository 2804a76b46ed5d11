# Returns the intent of an evaluated host, and the mistakes in it: { config; options; … } → { intent;
# problems; warnings; }.
{
  fleet,
  name,
  specialArgs,
}:
let
  inherit (fleet) lib types;
  host = fleet.hosts.${name};
  backend = fleet.backends.${host.base};

  # Resolves each option of a tree once, and returns both the values and the mistakes. `unset` has the
  # values of the options that are not in the tree.
  resolve =
    unset: tree:
    let
      inner = lib.mapAttrs (name: resolve (unset.${name} or { })) tree;
    in
    if lib.isOption tree then
      types.resolveAny tree
    else
      {
        value = unset // lib.mapAttrs (_: result: result.value) inner;
        problems = lib.concatMap (result: result.problems) (lib.attrValues inner);
      };

  # Reports the use of a family that the backend cannot compile. An option left at its default value does not
  # count as use of its family.
  uncompiled =
    options:
    let
      used =
        family:
        lib.filter (option: option.highestPrio < (lib.mkOptionDefault null).priority) (
          lib.collect lib.isOption { ${family} = options.nixfleet.${family}; }
        );
      ofOption =
        texts: option:
        types.problem.make (
          {
            inherit (option) loc;
            def = lib.head option.definitionsWithLocations;
            what = "${lib.showOption option.loc} cannot be declared for a host of the base ${builtins.toJSON host.base}";
            why = "NixFleet has no option of that name for hosts of this base";
            example = "hosts.${name}.base = ${if host.base == "ubuntu" then "\"nixos\"" else "\"ubuntu\""};";
          }
          // texts
        );
      ofFamily = family: texts: map (ofOption texts) (used family);
    in
    lib.concatLists (
      lib.mapAttrsToList ofFamily (builtins.intersectAttrs options.nixfleet backend.lacking)
    );
in
{
  config,
  options,
  set ? backend.resolved options,
  unset ? { },
  ...
}:
let
  resolved = resolve unset set;
  intent = resolved.value.nixfleet;
  assertions = resolved.value.assertions or [ ];

  own =
    resolved.problems
    ++ uncompiled options
    ++ types.strangerProblems (backend.misplaced fleet.misplaced) options (config._strangers or [ ])
    ++ fleet.moduleArguments specialArgs options;

  # The mistakes that only the whole configuration shows. If an option already has a reported mistake, further
  # mistakes in it are dropped below, because the value of the option is then only a placeholder.
  together =
    backend.problems {
      inherit config intent options;
      inherit (fleet) inputs;
    }
    ++ (import ./refused-packages.nix { inherit lib; }).problems {
      inherit host types;
      option = options.nixfleet.packages;
    };
  wrong = map (problem: problem.option) own;

  problems =
    if own == [ ] then
      together ++ lib.optionals (assertions != [ ]) (types.failedAssertions options.assertions)
    else
      own ++ lib.filter (problem: !lib.elem problem.option wrong) together;
in
{
  inherit intent;
  warnings = resolved.value.warnings or [ ];
  problems = map (problem: problem // { host = name; }) problems;
}
