# Sets with a fixed set of fields, and named collections of them: what `submodule` and `attrsOf submodule` are elsewhere.
#
# They are written by hand for two reasons: they gather mistakes instead of throwing, and they cost some microseconds where
# a submodule costs a tenth of a millisecond, which decides what evaluating a fleet of thousands costs. mkIf, mkMerge,
# mkDefault, mkForce, mkBefore and mkAfter work on the whole, on an entry and on a field.
{
  lib,
  problem,
  fromResolve,
  mustBe,
}:
let
  inherit (builtins)
    attrNames
    concatLists
    head
    isAttrs
    mapAttrs
    tail
    ;

  none = [ ];

  isProperty = value: isAttrs value && value ? _type;

  # The definitions of one option after mkIf, mkMerge, priorities and order.
  settle =
    loc: defs:
    if tail defs == none && !isProperty (head defs).value then
      defs
    else
      (lib.mergeDefinitions loc lib.types.raw defs).defsFinal;

  withExample = loc: option: p: {
    example = problem.assign loc option.example;
  } // p;

  # The fields as options, for documentation.
  subOptions =
    prefix: fields:
    mapAttrs (
      name: field:
      field
      // {
        loc = prefix ++ [ name ];
        declarations = none;
      }
    ) fields;

  # What stands for a field nobody set. A field without a default is required.
  absent =
    field:
    if field ? default then
      {
        value = field.default;
        problems = none;
      }
    else
      null;

  missing =
    loc: name: field: def:
    let
      path = loc ++ [ name ];
    in
    {
      value = field.type.placeholder or null;
      problems = [
        (problem.make {
          loc = path;
          inherit def;
          what = "${lib.showOption loc} has no ${name}";
          why = "${name} must be given: ${field.summary or field.description}";
          example = problem.assign path field.example;
        })
      ];
    };

  unknown =
    loc: names: def: name:
    let
      guess = problem.suggest names name;
    in
    problem.make {
      loc = loc ++ [ name ];
      def = def // {
        parent = def.value;
        attr = name;
      };
      what = "the option ${lib.showOption (loc ++ [ name ])} does not exist";
      why = "${lib.showOption loc} has ${problem.names names}${
        lib.optionalString (guess != "") ". ${guess}"
      }";
    };
in
rec {
  inherit settle;

  # `fields` are options (lib.mkOption). `complete name value` may fill in what depends on other fields; `check` gives
  # further problems of a whole record.
  record =
    {
      description ? "a set",
      fields,
      complete ? null,
      check ? null,
    }:
    let
      names = attrNames fields;
      absents = mapAttrs (_: absent) fields;

      resolveField =
        loc: name: field: defs:
        let
          path = loc ++ [ name ];
          settled = settle path defs;
          result = field.type.resolve path settled;
        in
        if settled == none then
          null
        else if result.problems == none then
          result
        else
          result // { problems = map (withExample path field) result.problems; };

      resolve =
        loc: defs:
        let
          sets = if tail defs == none && isAttrs (head defs).value then defs else lib.filter isSet defs;
          isSet = def: isAttrs def.value;
          definitionsOf =
            name:
            lib.concatMap (
              def:
              if def.value ? ${name} then
                [
                  {
                    inherit (def) file;
                    value = def.value.${name};
                    parent = def.value;
                    attr = name;
                  }
                ]
              else
                none
            ) sets;
          results = mapAttrs (
            name: field:
            let
              found = definitionsOf name;
              result = if found == none then null else resolveField loc name field found;
            in
            if result != null then
              result
            else if absents.${name} != null then
              absents.${name}
            else
              missing loc name field (head defs)
          ) fields;
          plain = mapAttrs (_: result: result.value) results;
          value = if complete == null then plain else complete (lib.last loc) plain;
          strangers = lib.concatMap (
            def: map (unknown loc names def) (attrNames (removeAttrs def.value names))
          ) sets;
          notSets =
            if sets == defs then none else map (def: mustBe loc def description) (lib.filter (d: !isSet d) defs);
        in
        {
          inherit value;
          problems =
            concatLists (map (name: results.${name}.problems) names)
            ++ strangers
            ++ notSets
            ++ (
              if check == null || notSets != none then
                none
              else
                check {
                  inherit loc;
                  value = plain;
                  def = head defs;
                }
            );
        };
    in
    fromResolve {
      name = "record";
      inherit description resolve;
      getSubOptions = prefix: subOptions prefix fields;
    };

  # A collection of records by name. `key` is the type of the names, `keyExample` a right one for the error message.
  entries =
    {
      description,
      placeholder,
      key,
      keyExample,
      element,
    }:
    let
      wrongKey =
        loc: def: name:
        problem.make {
          loc = loc ++ [ name ];
          inherit def;
          what = "the name in ${lib.showOption (loc ++ [ name ])} must be ${key.description}";
          example = "${lib.showOption (loc ++ [ keyExample ])} = { … };";
        };

      resolveEntry =
        loc: name: defs:
        let
          settled = settle (loc ++ [ name ]) defs;
          result = element.resolve (loc ++ [ name ]) settled;
        in
        if settled == none then
          null
        else if key.accepts name then
          result
        else
          result // { problems = [ (wrongKey loc (head defs) name) ]; };

      located =
        def:
        mapAttrs (name: value: {
          inherit (def) file;
          inherit value;
          parent = def.value;
          attr = name;
        }) def.value;

      resolve =
        loc: defs:
        let
          sets = lib.filter (def: isAttrs def.value) defs;
          byName =
            if sets != none && tail sets == none then
              mapAttrs (name: def: resolveEntry loc name [ def ]) (located (head sets))
            else
              lib.zipAttrsWith (resolveEntry loc) (map located sets);
          results = lib.filterAttrs (_: result: result != null) byName;
          notSets = map (def: mustBe loc def description) (lib.filter (def: !isAttrs def.value) defs);
        in
        {
          value = mapAttrs (_: result: result.value) results;
          problems = concatLists (map (name: results.${name}.problems) (attrNames results)) ++ notSets;
        };
    in
    fromResolve {
      name = "attrsOf";
      inherit description resolve;
      getSubOptions = prefix: element.getSubOptions (prefix ++ [ "<${placeholder}>" ]);
      nestedTypes.elemType = element;
    };
}
