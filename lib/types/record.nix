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
    attrValues
    concatLists
    concatMap
    head
    intersectAttrs
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
      map (relocate defs) (lib.mergeDefinitions loc lib.types.raw defs).defsFinal;

  # nixpkgs keeps the file of a definition but not the attribute, whose line messages show.
  relocate =
    defs: final:
    let
      same = lib.filter (def: def.file == final.file) defs;
    in
    if same != none && tail same == none then head same // { inherit (final) value; } else final;

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

  # A field without a default is required.
  missing =
    loc: name: field: def:
    let
      path = loc ++ [ name ];
    in
    {
      value = field.type.placeholder;
      problems = [
        (problem.make {
          loc = path;
          inherit def;
          what = "${lib.showOption loc} has no ${name}";
          why = field.description;
          example = problem.assign path field.example;
        })
      ];
    };

  unknown =
    loc: names: def:
    map (
      name:
      let
        guess = problem.guess names name;
      in
      problem.make {
        loc = loc ++ [ name ];
        def = def // {
          parent = def.value;
          attr = name;
        };
        what = "the option ${lib.showOption (loc ++ [ name ])} does not exist";
        why = "${lib.showOption loc} can have ${problem.names names}";
        example = problem.rename (loc ++ [ name ]) guess;
      }
    ) (attrNames (removeAttrs def.value names));

  # The values of a set as definitions of their own.
  located =
    def:
    mapAttrs (name: value: [
      {
        inherit (def) file;
        inherit value;
        parent = def.value;
        attr = name;
      }
    ]) def.value;
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
      defaults = mapAttrs (_: field: field.default) (lib.filterAttrs (_: field: field ? default) fields);
      required = lib.filter (name: !(defaults ? ${name})) names;

      # What the definitions say of a field; mkIf may leave none.
      resolveField =
        loc: name: defs:
        let
          field = fields.${name};
          path = loc ++ [ name ];
          settled = settle path defs;
          result = field.type.resolve path settled;
        in
        if settled == none then
          if field ? default then
            {
              value = field.default;
              problems = none;
            }
          else
            missing loc name field (head defs)
        else if result.problems == none then
          result
        else
          result // { problems = map (withExample path field) result.problems; };

      # Hardly anything is defined twice, so one definition does not pay for grouping many.
      byField =
        sets:
        if tail sets == none then
          intersectAttrs fields (located (head sets))
        else
          intersectAttrs fields (lib.zipAttrsWith (_: concatLists) (map located sets));

      resolve =
        loc: defs:
        let
          sets = lib.filter (def: isAttrs def.value) defs;
          strange = lib.filter (def: !isAttrs def.value) defs;

          given = if sets == none then { } else mapAttrs (resolveField loc) (byField sets);
          absent = if sets == none then required else lib.filter (name: !(given ? ${name})) required;
          results =
            if absent == none then
              given
            else
              given // lib.genAttrs absent (name: missing loc name fields.${name} (head defs));

          plain = defaults // mapAttrs (_: result: result.value) results;
        in
        {
          value = if complete == null then plain else complete (lib.last loc) plain;
          problems =
            concatMap (result: result.problems) (attrValues (if sets == none then { } else results))
            ++ concatMap (unknown loc names) sets
            ++ map (def: mustBe loc def description) strange
            ++ (
              if check == null || strange != none then
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

  # A collection of records by name. `key` is the type of the names. A wrong name is shown corrected, by `correct` where
  # that makes it a right one, as `keyExample` otherwise.
  entries =
    {
      description,
      key,
      keyExample,
      correct ? (_: keyExample),
      element,
    }:
    let
      wrongKey =
        loc: def: name:
        problem.make {
          loc = loc ++ [ name ];
          inherit def;
          what = "the name in ${lib.showOption (loc ++ [ name ])} must be ${key.description}";
          example =
            let
              corrected = correct name;
              right = if key.accepts corrected then corrected else keyExample;
            in
            "${lib.showOption (loc ++ [ right ])} = …;";
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
          result // { problems = [ (wrongKey loc (head defs) name) ] ++ result.problems; };

      resolve =
        loc: defs:
        let
          sets = lib.filter (def: isAttrs def.value) defs;
          byName =
            if sets == none then
              { }
            else if tail sets == none then
              located (head sets)
            else
              lib.zipAttrsWith (_: concatLists) (map located sets);
          all = mapAttrs (resolveEntry loc) byName;
          results = removeAttrs all (lib.filter (name: all.${name} == null) (attrNames all));
          strange = lib.filter (def: !isAttrs def.value) defs;
        in
        {
          value = mapAttrs (_: result: result.value) results;
          problems =
            concatMap (result: result.problems) (attrValues results)
            ++ map (def: mustBe loc def description) strange;
        };
    in
    fromResolve {
      name = "attrsOf";
      inherit description resolve;
      getSubOptions = prefix: element.getSubOptions (prefix ++ [ "<name>" ]);
      nestedTypes.elemType = element;
    };
}
