# The types of options about package sets: overlays, the configuration of nixpkgs, and package sets that users
# make themselves.
{
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

  # A setting of nixpkgs. Lists of several definitions are joined, and sets are merged one level deep.
  setting =
    scalar.fromResolve {
      name = "setting";
      description = "a setting of nixpkgs";
      resolve =
        loc: defs:
        let
          values = map (def: def.value) defs;
        in
        if tail defs == [ ] then
          {
            inherit (head defs) value;
            problems = [ ];
          }
        else if lib.all isList values then
          {
            value = concatLists values;
            problems = [ ];
          }
        else if lib.all isPlainSet values then
          {
            value = lib.foldl' (all: value: all // value) { } values;
            problems = [ ];
          }
        else
          {
            value = head values;
            problems = lib.optional (lib.any (value: value != head values) (tail values)) (
              scalar.disagreement loc defs
            );
          };
    }
    // {
      accepts = _: true;
    };

  # Any value as it is. Two different values are a mistake.
  anything = scalar.scalar {
    name = "anything";
    description = "any value";
    accepts = _: true;
    placeholder = null;
  };

  word = name: description: {
    inherit name description;
    regex = "[A-Za-z_][A-Za-z0-9_'-]*";
    placeholder = "word";
  };
in
{
  # The elements keep their identity: nixpkgs is imported once for hosts that have the same overlays, and Nix
  # compares functions by identity. So this is no `listOf`, which copies elements.
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

  packageConfig = entries {
    description = "a set of settings of nixpkgs";
    key = scalar.matching (word "settingName" "the name of a setting of nixpkgs");
    keyExample = "allowUnfree";
    element = setting;
  };

  packageSet = scalar.scalar {
    name = "packageSet";
    description = "a package set, as import nixpkgs { … } returns it";
    accepts = value: isAttrs value && value ? callPackage;
    placeholder = { };
  };

  moduleArguments = entries {
    description = "a set of module arguments by name";
    key = scalar.matching (word "argumentName" "the name of an argument");
    keyExample = "site";
    element = anything;
  };
}
