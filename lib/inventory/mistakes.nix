# Mistakes of an inventory that no single option has: roles and bases that are not there, addresses that are there twice.
{
  backends,
  config,
  # Hosts with the defaults filled in.
  hosts,
  lib,
  options,
  types,
  # The option paths of wrong values, for which a placeholder stands.
  wrong,
}:
let
  inherit (types) problem;

  roleNames = lib.attrNames config.roles;

  mistake =
    host: field: rest:
    problem.make (
      {
        loc = [
          "hosts"
          host
          field
        ];
        def = types.definitionOf options.hosts host;
      }
      // rest
    );

  unknownRole =
    host: role:
    let
      guess = problem.guess roleNames role;
    in
    mistake host.name "roles" {
      what = "host ${host.name} has the role ${builtins.toJSON role}, which does not exist";
      why = "the roles of this fleet are: ${problem.names roleNames}";
      example =
        if guess == null then
          "roles.${role} = ./roles/${role}.nix;"
        else
          "hosts.${host.name}.roles = [ ${builtins.toJSON guess} ];";
    };
  unknownRoles =
    host: map (unknownRole host) (lib.filter (role: !(config.roles ? ${role})) host.roles);

  noBackend =
    host:
    lib.optional (!(backends ? ${host.base})) (
      mistake host.name "base" {
        what = "host ${host.name} has the base ${builtins.toJSON host.base}, which NixFleet cannot build yet";
        why = "this version has a backend for: ${problem.names (lib.attrNames backends)}";
        example = "hosts.${host.name}.base = \"ubuntu\";";
      }
    );

  sameAddress =
    place: group:
    let
      last = lib.last group;
    in
    mistake last.name "addr" {
      what = "the hosts ${
        lib.concatMapStringsSep " and " (host: host.name) group
      } have the same address, ${place}";
      why = "what is meant for one of them would be done to another";
      example = "hosts.${last.name}.addr = \"…\";";
    };
  addressed = lib.filter (
    host:
    !lib.elem (lib.showOption [
      "hosts"
      host.name
      "addr"
    ]) wrong
  );
  byPlace = lib.groupBy (host: "${host.addr} port ${toString host.ssh.port}");

  all = lib.attrValues hosts;

  # A mistaken tag would take away a limit without a word.
  carried = lib.unique (lib.concatMap (host: host.tags) all);
  ofTag =
    tag: field: rest:
    problem.make (
      {
        loc = [
          "tags"
          tag
        ]
        ++ field;
        def = types.definitionOf options.tags tag;
      }
      // rest
    );
  nobodyCarries =
    tag: field: name:
    let
      guess = problem.guess carried name;
    in
    ofTag tag field {
      what = "no host carries the tag ${builtins.toJSON name}";
      why = "the tags of this fleet are: ${problem.names carried}";
      example =
        if guess == null then
          "hosts.<name>.tags = [ ${builtins.toJSON name} ];"
        else if field == [ ] then
          "tags.${builtins.toJSON guess} = …;"
        else
          "tags.${builtins.toJSON tag}.before = [ ${builtins.toJSON guess} ];";
    };
  unknownTags =
    tag: said:
    lib.optional (!lib.elem tag carried) (nobodyCarries tag [ ] tag)
    ++ map (nobodyCarries tag [ "before" ]) (lib.filter (name: !lib.elem name carried) said.before);

  # The way from a tag back to itself, if there is one.
  wayBack =
    tag:
    let
      from =
        way:
        let
          next = config.tags.${lib.last way}.before or [ ];
          further = map (name: from (way ++ [ name ])) (lib.filter (name: !lib.elem name way) next);
        in
        if lib.elem tag next then way ++ [ tag ] else lib.findFirst (found: found != null) null further;
    in
    from [ tag ];
  circles = lib.filter (way: way != null) (map wayBack (lib.attrNames config.tags));
  # Each circle once, told from the first of its names.
  circle =
    way:
    ofTag (lib.head way) [ "before" ] {
      what = "the tags come before each other in a circle: ${lib.concatStringsSep " before " way}";
      why = "no host of them could ever be the first";
      example = "tags.${builtins.toJSON (lib.head way)}.before = [ ];";
    };
  isTold = way: lib.head way == lib.head (lib.sort (a: b: a < b) way);
in
lib.concatMap unknownRoles all
++ lib.concatMap noBackend all
++ lib.optionals (all != [ ]) (lib.concatLists (lib.mapAttrsToList unknownTags config.tags))
++ map circle (lib.filter isTold circles)
++ lib.mapAttrsToList sameAddress (
  lib.filterAttrs (_: group: lib.length group > 1) (byPlace (addressed all))
)
