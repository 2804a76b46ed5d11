# Finds rules of rollouts that no rollout can follow: a canary that does not exist, or a `spread` over a
# dimension that no tag has. The command line also refuses such rules, but only when a rollout begins.
{
  config,
  # All hosts, with the defaults applied.
  hosts,
  lib,
  options,
  types,
}:
let
  inherit (types) problem;

  toSet = names: lib.genAttrs names (_: null);
  reserved = import ./reserved-tags.nix { inherit types; };
  tags = toSet (lib.concatMap (host: host.tags) hosts ++ reserved);
  kinds = {
    host = toSet (map (host: host.name) hosts ++ reserved);
    tag = tags;
    role = config.roles;
    base = toSet types.shared.choices.base;
  };
  dimensions = toSet (
    map (tag: lib.head (lib.splitString ":" tag)) (lib.filter (lib.hasInfix ":") (lib.attrNames tags))
  );

  # Returns the words of an expression, each as { kind; name; shown; }. Patterns are left out, because a
  # pattern may be meant for hosts that do not exist yet.
  wordsOf =
    expression:
    let
      parts = lib.filter lib.isString (builtins.split "[[:space:](),!]+" expression);
      has = marks: text: lib.any (mark: lib.hasInfix mark text) marks;
      word =
        shown:
        let
          prefix = lib.findFirst (prefix: lib.hasPrefix "${prefix}:" shown) null [
            "base"
            "role"
          ];
        in
        if lib.hasPrefix "@" shown then
          {
            inherit shown;
            kind = "tag";
            name = lib.removePrefix "@" shown;
          }
        else if prefix != null then
          {
            inherit shown;
            kind = prefix;
            name = lib.removePrefix "${prefix}:" shown;
          }
        else
          {
            inherit shown;
            kind = "host";
            name = shown;
          };
    in
    # Commas within brackets belong to a pattern, so an expression with brackets cannot be split, and none of
    # its words are checked.
    if has [ "[" "{" ] expression then
      [ ]
    else
      map word (
        lib.filter (
          part:
          !has [ "*" "?" ] part
          && !lib.elem part [
            ""
            "and"
            "not"
            "or"
          ]
        ) parts
      );

  unknownCanaries =
    canary:
    lib.filter (word: !(kinds.${word.kind} ? ${word.name})) (
      lib.concatMap wordsOf (if lib.isList canary then canary else [ ])
    );

  ofRules =
    { loc, def }:
    rules:
    let
      at =
        field: rest:
        problem.make (
          {
            loc = loc ++ [ field ];
            # For `defaults`, `def` is null: each of its options has its own definitions, so the last of these
            # is used.
            def =
              if def != null then def else lib.last options.defaults.rollout.${field}.definitionsWithLocations;
          }
          // rest
        );
      unknownCanary =
        word:
        let
          known = lib.attrNames kinds.${word.kind};
          guess = problem.guess known word.name;
          corrected = lib.replaceStrings [ word.name ] [ guess ] word.shown;
        in
        at "canary" {
          what = "the canary ${builtins.toJSON word.shown} is no ${word.kind} of this fleet";
          why = "the ${word.kind}s of this fleet are: ${problem.names known}";
          example =
            if guess == null then
              "${lib.showOption (loc ++ [ "canary" ])} = 1;"
            else
              "${lib.showOption (loc ++ [ "canary" ])} = [ ${builtins.toJSON corrected} ];";
        };
      unknownDimension =
        dimension:
        let
          known = lib.attrNames dimensions;
          guess = problem.guess known dimension;
        in
        at "spread" {
          what = "no host has a tag with the dimension ${builtins.toJSON dimension}, such as ${builtins.toJSON "${dimension}:a"}";
          why = "the dimensions of this fleet are: ${problem.names known}";
          example =
            if guess == null then
              "hosts.<name>.tags = [ ${builtins.toJSON "${dimension}:a"} ];"
            else
              "${lib.showOption (loc ++ [ "spread" ])} = ${builtins.toJSON guess};";
        };
    in
    map unknownCanary (unknownCanaries rules.canary)
    ++ lib.optional (rules.spread != null && !(dimensions ? ${rules.spread})) (
      unknownDimension rules.spread
    );

  ofDefaults = ofRules {
    loc = [
      "defaults"
      "rollout"
    ];
    def = null;
  } config.defaults.rollout;
  ofTag =
    tag: said:
    ofRules {
      loc = [
        "tags"
        tag
        "rollout"
      ];
      def = types.definitionOf options.tags tag;
    } said.rollout;
in
lib.optionals (hosts != [ ]) (ofDefaults ++ lib.concatLists (lib.mapAttrsToList ofTag config.tags))
