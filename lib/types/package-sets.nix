# The types of the options for package sets: overlays, the configuration of nixpkgs, and package sets that the
# user makes.
{
  definitions,
  entries,
  lib,
  problem,
  scalar,
}:
let
  inherit (builtins)
    concatLists
    head
    isAttrs
    isFunction
    isList
    tail
    ;

  isPlainSet = value: isAttrs value && !(value ? _type) && value.type or null != "derivation";

  # Joins the values of one setting of nixpkgs, and returns the result in a set: lists are joined, and sets
  # are merged one level deep. Returns null if the values contradict each other.
  join =
    values:
    if lib.all isList values then
      { value = concatLists values; }
    else if lib.all isPlainSet values then
      { value = lib.foldl' (all: value: all // value) { } values; }
    else if lib.all (value: value == head values) (tail values) then
      { value = head values; }
    else
      null;

  # Merges several definitions of the configuration of nixpkgs.
  merge =
    loc: defs:
    let
      of =
        name: found:
        let
          settled = definitions.settle (loc ++ [ name ]) found;
          joined = join (map (def: def.value) settled);
        in
        if joined != null then
          joined // { problems = [ ]; }
        else
          {
            inherit (head settled) value;
            problems = [ (scalar.disagreement (loc ++ [ name ]) settled) ];
          };
      results = builtins.mapAttrs of (definitions.byName defs);
    in
    {
      value = builtins.mapAttrs (_: result: result.value) results;
      problems = lib.concatMap (result: result.problems) (lib.attrValues results);
    };

  # Accepts any value and does not change it. Two different definitions are a mistake.
  anything = scalar.scalar {
    name = "anything";
    description = "any value";
    accepts = _: true;
    placeholder = null;
  };
in
{
  # nixpkgs is imported once for all hosts that have the same overlays. Overlays are functions, and Nix
  # compares functions only by identity. So this type is not a `listOf`, which copies the elements and thus
  # gives them another identity.
  overlays =
    scalar.fromResolve {
      name = "overlays";
      description = "a list of overlays: functions (final: prev: { … })";
      resolve =
        loc: defs:
        let
          lists = lib.filter (def: isList def.value) defs;
          wrongIn =
            def:
            map (
              value:
              problem.make {
                inherit loc def;
                what = "each element of ${lib.showOption loc} must be an overlay, a function (final: prev: { … }), but one is ${problem.describe value}";
              }
              // lib.optionalAttrs (builtins.isPath value) {
                example = "${lib.showOption loc} = [ (import ./${baseNameOf value}) ];";
              }
            ) (lib.filter (value: !isFunction value) def.value);
          problems =
            map (def: scalar.mustBe loc def "a list of overlays") (lib.filter (def: !isList def.value) defs)
            ++ lib.concatMap wrongIn lists;
        in
        {
          value = if problems == [ ] then lib.concatMap (def: def.value) lists else [ ];
          inherit problems;
        };
    }
    // {
      accepts = value: isList value && lib.all isFunction value;
    };

  # A single definition is not copied, so that the functions in it keep their identity, which Nix compares.
  packageConfig =
    scalar.fromResolve {
      name = "packageConfig";
      description = "a set of settings of nixpkgs";
      resolve =
        loc: defs:
        let
          sets = lib.filter (def: isPlainSet def.value) defs;
          strange = lib.filter (def: !isPlainSet def.value) defs;
          isAlone =
            tail sets == [ ]
            && lib.all (value: !(definitions.isProperty value)) (lib.attrValues (head sets).value);
          found =
            if sets == [ ] then
              {
                value = { };
                problems = [ ];
              }
            else if isAlone then
              {
                inherit (head sets) value;
                problems = [ ];
              }
            else
              merge loc sets;
        in
        found
        // {
          problems =
            map (def: scalar.mustBe loc def "a set of settings of nixpkgs") strange ++ found.problems;
        };
    }
    // {
      accepts = value: isPlainSet value && !lib.any definitions.isProperty (lib.attrValues value);
      placeholder = { };
    };

  packageSet = scalar.scalar {
    name = "packageSet";
    description = "a package set, as import nixpkgs { … } returns it";
    accepts = value: isAttrs value && value ? callPackage;
    placeholder = null;
  };

  moduleArguments = entries {
    description = "a set of module arguments by name";
    key = scalar.matching {
      name = "argumentName";
      description = "the name of an argument";
      regex = "[A-Za-z_][A-Za-z0-9_'-]*";
      placeholder = "argument";
    };
    keyExample = "site";
    element = anything;
  };
}
