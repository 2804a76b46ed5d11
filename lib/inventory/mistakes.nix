# Finds mistakes that involve several options of the inventory, such as unknown roles, unusable bases, and
# duplicate addresses.
#
# Each mistake is reported once, with the names of all hosts that have it. In a fleet of thousands of hosts,
# many usually share a mistake.
{
  backends,
  config,
  # Hosts with the defaults filled in.
  hosts,
  lib,
  nixpkgs,
  options,
  types,
  # The paths of options with wrong values. Placeholders have replaced these values.
  wrong,
}:
let
  inherit (types) problem;

  all = lib.attrValues hosts;

  # Makes the problem of a mistake that several hosts have in the same field. The problem is reported at the
  # first of these hosts.
  ofHosts =
    having: field: rest:
    let
      inherit (lib.head having) name;
    in
    problem.make (
      {
        loc = [
          "hosts"
          name
          field
        ];
        def = types.definitionOf options.hosts name;
      }
      // rest
    );

  namesOf = having: problem.names (map (host: host.name) having);
  who =
    having:
    if lib.tail having == [ ] then "host ${namesOf having} has" else "the hosts ${namesOf having} have";

  # Makes the problem of a mistake in `defaults`.
  ofDefaults =
    field: rest:
    problem.make (
      {
        inherit (options.defaults.${field}) loc;
        def = lib.last options.defaults.${field}.definitionsWithLocations;
      }
      // rest
    );

  roleNames = lib.attrNames config.roles;
  unknownOf = lib.filter (role: !(config.roles ? ${role}));

  unknownRole =
    who: option: role:
    let
      guess = problem.guess roleNames role;
    in
    {
      what = "${who} the role ${builtins.toJSON role}, which does not exist";
      why = "the roles of this fleet are: ${problem.names roleNames}";
      example =
        if guess == null then
          "roles.${role} = ./roles/${role}.nix;"
        else
          "${option} = [ ${builtins.toJSON guess} ];";
    };

  unknownRoles =
    let
      ofAll = unknownOf config.defaults.roles;
      ofOne = host: map (role: { inherit host role; }) (unknownOf (lib.subtractLists ofAll host.roles));
      told =
        role: found:
        let
          having = map (each: each.host) found;
        in
        ofHosts having "roles" (unknownRole (who having) "hosts.${(lib.head having).name}.roles" role);
    in
    map (role: ofDefaults "roles" (unknownRole "every host has" "defaults.roles" role)) ofAll
    ++ lib.attrValues (lib.mapAttrs told (lib.groupBy (each: each.role) (lib.concatMap ofOne all)));

  # Bases whose hosts this nixpkgs cannot evaluate.
  objections = lib.filterAttrs (_: objection: objection != null) (
    lib.mapAttrs (_: backend: backend.objection nixpkgs) backends
  );
  cannotEvaluate = who: base: {
    what = "${who} the base ${builtins.toJSON base}, but ${objections.${base}.what}";
    inherit (objections.${base}) why example;
  };
  unevaluated =
    let
      ofAll = config.defaults.base;
      unable = lib.filter (host: objections ? ${host.base} && host.base != ofAll) all;
      told = base: having: ofHosts having "base" (cannotEvaluate (who having) base);
    in
    lib.optional (objections ? ${ofAll}) (
      ofDefaults "base" (cannotEvaluate "every host without a base of its own has" ofAll)
    )
    ++ lib.attrValues (lib.mapAttrs told (lib.groupBy (host: host.base) unable));

  sameAddress =
    place: group:
    let
      last = lib.last group;
    in
    ofHosts [ last ] "addr" {
      what = "the hosts ${namesOf group} have the same address, ${place}";
      why = "a change for one host would be made on the other";
      example = "hosts.${last.name}.addr = \"…\";";
    };
  sameAddresses =
    let
      isRight =
        host:
        !lib.elem (lib.showOption [
          "hosts"
          host.name
          "addr"
        ]) wrong;
      byPlace = lib.groupBy (host: "${host.addr} port ${toString host.ssh.port}") (
        lib.filter isRight all
      );
    in
    lib.attrValues (
      lib.mapAttrs sameAddress (lib.filterAttrs (_: group: lib.tail group != [ ]) byPlace)
    );

  # `all` is not allowed as a host name, because `nixfleet apply all` selects every host.
  reservedName = lib.optional (hosts ? all) (
    problem.make {
      loc = [
        "hosts"
        "all"
      ];
      def = types.definitionOf options.hosts "all";
      what = "no host can be called \"all\"";
      why = "on the command line, \"all\" means every host";
      example = problem.rename [
        "hosts"
        "all"
      ] "all-1";
    }
  );
in
reservedName
++ unknownRoles
++ unevaluated
++ import ./tag-mistakes.nix {
  inherit
    config
    lib
    ofDefaults
    ofHosts
    options
    types
    who
    ;
  hosts = all;
}
++ import ./rollout-mistakes.nix {
  inherit
    config
    lib
    options
    types
    ;
  hosts = all;
}
++ sameAddresses
++ import ./deployment-mistakes.nix {
  inherit
    all
    lib
    ofHosts
    wrong
    ;
}
++ import ./package-mistakes.nix {
  inherit
    all
    config
    lib
    nixpkgs
    ofHosts
    options
    types
    ;
}
