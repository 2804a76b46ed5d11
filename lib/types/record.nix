# The type of a set with fixed fields, which nixpkgs calls a submodule.
#
# A nixpkgs submodule is not used for two reasons: it throws at the first mistake, and it is slow. To evaluate
# a submodule takes a tenth of a millisecond, whereas a record takes a few microseconds. The difference
# matters in a fleet of thousands of hosts. mkIf, mkMerge, mkDefault, mkForce, mkBefore and mkAfter work on
# the whole set and on each field.
#
# In addition to `resolve` a record has `read name value`. It returns the finished record if the value is
# correct as it is, and null otherwise. `read` evaluates all fields, so it is for callers that need all
# fields.
#
# As in a submodule, a definition may be a function of { name, config, lib, … }. A module may declare the
# option again, as a nixpkgs submodule or as a record, to add fields.
{
  lib,
  context,
  definitions,
  element,
  foreign,
  problem,
  resolveOption,
  optionProblems,
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
    isFunction
    mapAttrs
    ;

  none = [ ];

  inherit (import ./fields.nix { inherit lib problem; })
    exampleOf
    missing
    subOptions
    unknown
    ;

  # The type of a record. `fields` are options (lib.mkOption). `complete name value` may fill in values that
  # depend on other fields. `check` returns further problems of the whole value. `elsewhere` maps a name that
  # other tools use to the path of NixFleet's option. `modules` are modules that add options. If there are
  # such modules, the module system evaluates each value.
  record =
    {
      description,
      fields,
      elsewhere ? { },
      complete ? (_: value: value),
      check ? (_: none),
      modules ? none,
    }@args:
    let
      names = attrNames fields;
      # The default values. Each default is resolved by the type of its field, because the type may be a
      # record whose own fields have defaults.
      defaults = mapAttrs (
        name: field:
        let
          file = "the default of ${name}";
          settled =
            definitions.settle
              [ name ]
              [
                {
                  inherit file;
                  value = field.default;
                }
              ];
          result = types.${name}.resolve [ name ] settled;
        in
        if result.problems == none then
          result.value
        else
          throw "the default of the field ${name} is wrong: ${(head result.problems).what}"
      ) (lib.filterAttrs (_: field: field ? default) fields);
      required = lib.filter (name: !(defaults ? ${name})) names;
      applied = mapAttrs (_: field: field.apply) (lib.filterAttrs (_: field: field ? apply) fields);

      # Turns the values of the fields into the final value of the record.
      finish =
        if applied == { } then
          complete
        else
          name: value: complete name (value // mapAttrs (field: apply: apply value.${field}) applied);

      disjoint =
        more:
        let
          both = attrNames (intersectAttrs fields more);
        in
        if both == none then
          more
        else
          throw "${description} has ${problem.names both} already: give what you add another name";

      # Functions that add the name of a field to error traces. They are made once for all values of all
      # hosts.
      inField = mapAttrs (name: _: context.inEntry name) fields;

      # The path that was probably meant by a wrong name, or null. `added` has the names of the options that
      # modules have added.
      guessOf =
        added:
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
          near = problem.guess (names ++ added ++ attrNames elsewhere) name;
        in
        elsewhere.${name} or inner.${name} or (if near == null then null else elsewhere.${near} or near);

      # The types of the fields. `judges` has the `accepts` of each type of plain values, and `nested` has the
      # `read` of each record and collection.
      types = mapAttrs (_: field: foreign field.type) fields;
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
          finish name plain
        else
          null;

      # Resolves the definitions of a field. If mkIf removes all of them, the field counts as not set.
      resolveField =
        loc: name: defs:
        let
          field = fields.${name};
          path = loc ++ [ name ];
          settled = definitions.settle path defs;
          result = types.${name}.resolve path settled;
        in
        inField.${name} (
          if settled == none then
            if field ? default then
              {
                value = defaults.${name};
                problems = none;
              }
            else
              missing loc name field (head defs)
          else if result.problems == none then
            result
          else
            result // { problems = map (problem.withExample path (exampleOf field)) result.problems; }
        );

      # Makes the result of the record from the results of the given fields, the values of options that
      # modules add, and the unknown names.
      conclude =
        {
          loc,
          defs,
          given,
          added,
          strangers,
        }:
        let
          strange = lib.filter (def: !isAttrs def.value && !isFunction def.value) defs;
          sets = lib.filter (def: isAttrs def.value || isFunction def.value) defs;
          absent = lib.genAttrs (lib.filter (name: !(given ? ${name})) required) (
            name: missing loc name fields.${name} (head defs)
          );
          results = given // absent;
          plain = defaults // mapAttrs (_: result: result.value) results // added.value;

          # A field is doubtful if its value is wrong, or if the value was probably given under a wrong name.
          # Problems that depend on a doubtful field are not reported.
          meant = map (stranger: head (lib.toList stranger.guess)) strangers;
          isDoubtful =
            name:
            results ? ${name} && results.${name}.problems != none || lib.elem name meant || lib.elem null meant;
          followsFrom = p: lib.any isDoubtful p.about or [ ];
        in
        {
          value = finish (lib.last loc) plain;
          problems =
            if sets == none then
              map (def: scalar.mustBe loc def description) strange
            else
              concatMap (result: result.problems) (
                attrValues (given // removeAttrs absent (lib.filter lib.isString meant))
              )
              ++ added.problems
              ++ map (stranger: stranger.problem) strangers
              ++ map (def: scalar.mustBe loc def description) strange
              ++ lib.filter (p: !followsFrom p) (check {
                inherit loc;
                value = plain;
                def = head sets;
              });
        };

      ofSets =
        loc: defs:
        let
          sets = lib.filter (def: isAttrs def.value) defs;
        in
        conclude {
          inherit loc defs;
          given = mapAttrs (resolveField loc) (intersectAttrs fields (definitions.byName sets));
          added = {
            value = { };
            problems = none;
          };
          strangers = concatMap (unknown loc names (guessOf none)) sets;
        };

      ofModules =
        loc: defs:
        let
          evaluated = element.evaluate {
            inherit fields loc modules;
            inherit (concluded) value;
          } (lib.filter (def: isAttrs def.value || isFunction def.value) defs);
          # The `apply` function of the option is removed here, because `finish` calls it later.
          ofField =
            name: option:
            inField.${name} (
              if option.isDefined then
                resolveOption (removeAttrs option [ "apply" ])
              else
                missing loc name fields.${name} (head defs)
            );
          others = removeAttrs evaluated.options (names ++ [ "_module" ]);
          concluded = conclude {
            inherit loc defs;
            given = mapAttrs ofField (intersectAttrs fields evaluated.options);
            added = {
              value = intersectAttrs others evaluated.config;
              problems = optionProblems others;
            };
            strangers = concatMap (unknown loc (names ++ attrNames others) (guessOf (attrNames others))) (
              evaluated.config._strangers or none
            );
          };
        in
        concluded;

      resolve =
        loc: defs:
        let
          plain = element.call {
            inherit lib;
            name = lib.last loc;
            config = called.value;
          } defs;
          called = if plain.isPlain then ofSets loc plain.defs else ofModules loc defs;
        in
        if modules != none then
          ofModules loc defs
        else if lib.any (def: isFunction def.value) defs then
          called
        else
          ofSets loc defs;
    in
    scalar.fromResolve {
      name = "record";
      inherit description resolve;
      getSubOptions = prefix: subOptions prefix fields;
    }
    // {
      fieldNames = names;

      functor = {
        name = "record";
        wrapped = null;
        payload = args;
      };
      typeMerge =
        functor:
        if functor.name == "submodule" then
          record (
            args
            // {
              modules =
                modules
                ++ functor.payload.modules
                ++ lib.optional (functor.payload.specialArgs != { }) {
                  _module.args = functor.payload.specialArgs;
                };
            }
          )
        else if functor.name == "record" then
          record (
            args
            // {
              fields = disjoint functor.payload.fields // fields;
              check = given: check given ++ (functor.payload.check or (_: none)) given;
              complete = name: value: (functor.payload.complete or (_: lib.id)) name (complete name value);
              elsewhere = functor.payload.elsewhere or { } // elsewhere;
              modules = modules ++ functor.payload.modules or none;
            }
          )
        else
          null;
    }
    // lib.optionalAttrs (modules == none) { inherit read; };
in
record
