# Finds mistakes in tags: reserved names, tags that no host carries, and an order that no rollout can satisfy.
{
  config,
  # Hosts with the defaults filled in.
  hosts,
  lib,
  # `ofDefaults` makes the problem of a mistake in `defaults`. `ofHosts` makes the problem of a mistake that
  # several hosts have in a field.
  ofDefaults,
  ofHosts,
  options,
  types,
  who,
}:
let
  inherit (types) problem;
  inherit (config) tags;

  reserved = import ./reserved-tags.nix { inherit types; };
  isReserved = tag: lib.elem tag reserved;

  reservedTag = who: option: tag: {
    what = "${who} the tag ${builtins.toJSON tag}, which is reserved";
    why = "a group of that name always exists and contains ${
      if tag == "all" then "every host" else "every host with the base ${tag}"
    }";
    example = "${option} = [ ${builtins.toJSON "my-${tag}"} ];";
  };
  taken =
    tag:
    let
      having = lib.filter (host: lib.elem tag host.tags) hosts;
    in
    if lib.elem tag config.defaults.tags then
      [ (ofDefaults "tags" (reservedTag "every host has" "defaults.tags" tag)) ]
    else
      lib.optional (having != [ ]) (
        ofHosts having "tags" (reservedTag (who having) "hosts.${(lib.head having).name}.tags" tag)
      );
  takenByRules =
    tag:
    ofTag tag [ ] {
      what = "the tag ${builtins.toJSON tag} is reserved";
      why = "a group of that name always exists; set options of all hosts in defaults";
      example = problem.rename [ "tags" tag ] "my-${tag}";
    };

  # All tags that at least one host carries. This is a set and not a list, because a fleet may have thousands
  # of tags.
  carried = lib.listToAttrs (
    lib.concatMap (host: map (tag: lib.nameValuePair tag null) host.tags) hosts
  );

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
  before =
    tag:
    lib.showOption [
      "tags"
      tag
      "before"
    ];

  # Reports a tag that no host carries. The tag may be misspelled, and then the limits that are set for the
  # tag would silently not apply.
  nobodyCarries =
    tag: field: name:
    let
      guess = problem.guess (lib.attrNames (removeAttrs carried [ tag ])) name;
    in
    ofTag tag field {
      what = "no host carries the tag ${builtins.toJSON name}";
      why = "the tags of this fleet are: ${problem.names (lib.attrNames carried)}";
      example =
        if guess == null then
          "hosts.<name>.tags = [ ${builtins.toJSON name} ];"
        else if field == [ ] then
          problem.rename [ "tags" name ] guess
        else
          "${before tag} = [ ${builtins.toJSON guess} ];";
    };
  unknown =
    tag: said:
    lib.optional (isReserved tag) (takenByRules tag)
    ++ lib.optional (!(carried ? ${tag}) && !isReserved tag) (nobodyCarries tag [ ] tag)
    ++ map (nobodyCarries tag [ "before" ]) (lib.filter (name: !(carried ? ${name})) said.before);

  # The shortest path that follows `before` from a tag back to the same tag, or null. The search visits each
  # tag once, even if many paths lead to it.
  wayBack =
    tag:
    let
      next =
        { key, way }:
        map (name: {
          key = name;
          way = way ++ [ name ];
        }) (tags.${key}.before or [ ]);
      come = builtins.genericClosure {
        startSet = next {
          key = tag;
          way = [ tag ];
        };
        operator = next;
      };
    in
    (lib.findFirst (each: each.key == tag) { way = null; } come).way;
  circles = lib.filter (way: way != null) (map wayBack (lib.attrNames tags));
  # Whether to report a cycle that `wayBack` found. `wayBack` finds each cycle once for each tag in the cycle.
  # Only the path that starts at the alphabetically first tag is reported.
  isTold = way: lib.head way == lib.head (lib.sort builtins.lessThan way);
  circle =
    way:
    ofTag (lib.head way) [ "before" ] {
      what = "the tags come before each other in a cycle: ${lib.concatStringsSep " before " way}";
      why = "none of their hosts could be changed first";
      example = "${before (lib.head way)} = [ ];";
    };
in
lib.concatMap taken (lib.filter (tag: carried ? ${tag}) reserved)
++ lib.optionals (hosts != [ ]) (lib.concatLists (lib.mapAttrsToList unknown tags))
++ map circle (lib.filter isTold circles)
