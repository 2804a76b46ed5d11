# A set with a fixed set of fields: what a submodule is elsewhere.
#
# It is written by hand for two reasons: it gathers mistakes instead of throwing, and it costs some microseconds where a
# submodule costs a tenth of a millisecond, which decides what evaluating a fleet of thousands costs. mkIf, mkMerge,
# mkDefault, mkForce, mkBefore and mkAfter work on the whole and on a field.
#
# Beside `resolve` it has `read name value`: the record for a value that is plainly right as it stands, or null. It looks
# at all fields at once, so it is for those who need all of them.
{
  lib,
  context,
  definitions,
  problem,
  scalar,
}:
let
  inherit (builtins)
    all
    attrNames
    attrValues
    concatMap
    head
    intersectAttrs
    isAttrs
    mapAttrs
    ;

  none = [ ];

  # The fields as options, for documentation.
  subOptions =
    prefix:
    mapAttrs (
      name: field:
      field
      // {
        loc = prefix ++ [ name ];
        declarations = none;
      }
    );

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
    loc: names: guessOf: def:
    map (
      name:
      let
        guess = guessOf name;
      in
      {
        inherit guess;
        problem = problem.make {
          loc = loc ++ [ name ];
          def = def // {
            parent = def.value;
            attr = name;
          };
          what = "the option ${lib.showOption (loc ++ [ name ])} does not exist";
          why = "${lib.showOption loc} can have ${problem.names names}";
          example = problem.rename (loc ++ [ name ]) guess;
        };
      }
    ) (attrNames (removeAttrs def.value names));
in
# `fields` are options (lib.mkOption). `complete name value` may fill in what depends on other fields; `check` gives further
# problems of the whole. `elsewhere` has paths by the names that other tools have for them.
{
  description,
  fields,
  elsewhere ? { },
  complete ? (_: value: value),
  check ? (_: none),
}:
let
  names = attrNames fields;
  defaults = mapAttrs (_: field: field.default) (lib.filterAttrs (_: field: field ? default) fields);
  required = lib.filter (name: !(defaults ? ${name})) names;

  # Made once, for all values of all hosts.
  inField = mapAttrs (name: _: context.inEntry name) fields;

  # The path that a wrong name was probably meant to be, or null.
  guessOf =
    let
      within =
        name: field:
        lib.genAttrs (field.type.fieldNames or [ ]) (inner: [
          name
          inner
        ]);
      inner = lib.foldl' (all: name: within name fields.${name} // all) { } names;
    in
    name:
    let
      near = problem.guess (names ++ attrNames elsewhere) name;
    in
    elsewhere.${name} or inner.${name} or (if near == null then null else elsewhere.${near} or near);

  # Fields of one value, which `accepts` can judge, and fields that are records or collections themselves.
  types = mapAttrs (_: field: field.type) fields;
  judges = mapAttrs (_: type: type.accepts) (lib.filterAttrs (_: type: type ? accepts) types);
  nested = mapAttrs (_: type: type.read) (lib.filterAttrs (_: type: type ? read) types);

  read =
    name: value:
    let
      inner = mapAttrs (field: readField: readField field value.${field}) (intersectAttrs value nested);
      plain = if nested == { } then defaults // value else defaults // value // inner;
      isRight =
        field:
        (inField.${field} or lib.id) (
          if judges ? ${field} then judges.${field} value.${field} else inner.${field} or null != null
        );
    in
    if
      isAttrs value
      && !(value ? _type)
      && all isRight (attrNames value)
      && all (field: value ? ${field}) required
      &&
        check {
          loc = [ name ];
          value = plain;
          def.file = "";
        } == none
    then
      complete name plain
    else
      null;

  # What the definitions say of a field; mkIf may leave none.
  resolveField =
    loc: name: defs:
    let
      field = fields.${name};
      path = loc ++ [ name ];
      settled = definitions.settle path defs;
      result = field.type.resolve path settled;
    in
    inField.${name} (
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
        result // { problems = map (problem.withExample path field) result.problems; }
    );

  resolve =
    loc: defs:
    let
      sets = lib.filter (def: isAttrs def.value) defs;
      strange = lib.filter (def: !isAttrs def.value) defs;

      given = mapAttrs (resolveField loc) (intersectAttrs fields (definitions.byName sets));
      absent = lib.genAttrs (lib.filter (name: !(given ? ${name})) required) (
        name: missing loc name fields.${name} (head defs)
      );
      results = given // absent;
      plain = defaults // mapAttrs (_: result: result.value) results;

      # Values that are not known, since they are wrong or stand under a wrong name.
      strangers = concatMap (unknown loc names guessOf) sets;
      meant = map (stranger: head (lib.toList stranger.guess)) strangers;
      isDoubtful =
        name:
        results ? ${name} && results.${name}.problems != none || lib.elem name meant || lib.elem null meant;
      followsFrom = p: lib.any isDoubtful p.about or [ ];
    in
    {
      value = complete (lib.last loc) plain;
      problems =
        if sets == none then
          map (def: scalar.mustBe loc def description) strange
        else
          concatMap (result: result.problems) (
            attrValues (given // removeAttrs absent (lib.filter lib.isString meant))
          )
          ++ map (stranger: stranger.problem) strangers
          ++ map (def: scalar.mustBe loc def description) strange
          ++ lib.filter (p: !followsFrom p) (check {
            inherit loc;
            value = plain;
            def = head sets;
          });
    };
in
scalar.fromResolve {
  name = "record";
  inherit description resolve;
  getSubOptions = prefix: subOptions prefix fields;
}
// {
  inherit read;
  fieldNames = names;
}
