# Evaluates the modules of a host such that an option of NixFleet takes no time on hosts whose modules do not
# set it. Most hosts set a few of the options, and lib.evalModules evaluates an option with its default value
# for each host again.
#
# lib.evalModules evaluates the users' modules without the options of NixFleet. So the definitions of these
# options belong to no option there, and the freeform type receives them. It merges them as lib.evalModules
# would do. The options that no module sets are evaluated once for all hosts.
#
# If a user's module declares an option of NixFleet again, for example to add a field to it, this evaluation
# cannot be used.
{
  class,
  lib,
  types,
}:
# The modules of NixFleet. Only the options of the first one are used. The others are evaluated like the
# modules of users.
ours:
let
  inherit (builtins)
    all
    any
    attrNames
    concatLists
    concatMap
    head
    intersectAttrs
    isAttrs
    mapAttrs
    tail
    ;
  inherit (lib) isOption;
  evalModules = import ./classed.nix { inherit lib; } class;

  # The options as they are on a host whose modules set none of them.
  known = removeAttrs (evalModules { modules = [ (head ours) ]; }).options [ "_module" ];
  ofKnown = lib.mapAttrsRecursiveCond (each: !isOption each);
  defaults = ofKnown (_: option: option.value) known;
  resolvedDefaults = ofKnown (_: option: (types.resolveAny option).value) known;

  # Moves the properties of a set of definitions, such as mkIf, to each definition in it. Returns a list of
  # definitions { file; value; } whose values are plain sets.
  pushDown =
    def:
    let
      type = def.value._type or null;
      ofValue = value: pushDown (def // { inherit value; });
      each = wrap: map (inner: inner // { value = mapAttrs (_: wrap) inner.value; });
    in
    if type == null then
      [ def ]
    else if type == "merge" then
      concatMap ofValue def.value.contents
    else if type == "if" then
      each (lib.mkIf def.value.condition) (ofValue def.value.content)
    else if type == "override" then
      each (lib.mkOverride def.value.priority) (ofValue def.value.content)
    else
      [ def ];

  # Throws the error of the module system for a value where a set of options is expected.
  refuse =
    path: def:
    builtins.seq
      (evalModules {
        modules = [
          { inherit (head ours) options; }
          {
            _file = def.file;
            config = lib.setAttrByPath path def.value;
          }
        ];
      }).config
      [ ];
  checked =
    path: sets:
    if all (def: isAttrs def.value) sets then
      sets
    else
      refuse path (lib.findFirst (def: !isAttrs def.value) null sets);

  named =
    { file, value }:
    mapAttrs (_: value: [
      { inherit file value; }
    ]) value;
  byName =
    sets:
    if sets != [ ] && tail sets == [ ] then
      named (head sets)
    else
      lib.zipAttrsWith (_: concatLists) (map named sets);

  # Evaluates an option that modules set. The default value counts only if a definition has its low priority,
  # or if mkIf removes all definitions.
  evalOption =
    unset: defs:
    let
      stated = lib.mergeDefinitions unset.loc unset.type defs;
      withDefault = lib.mergeDefinitions unset.loc unset.type (
        map (def: def // { value = lib.mkOptionDefault def.value; }) unset.definitionsWithLocations ++ defs
      );
      merged =
        if stated.isDefined && stated.defsFinal'.highestPrio < (lib.mkOptionDefault null).priority then
          stated
        else
          withDefault;
      value = (unset.apply or lib.id) merged.mergedValue;
    in
    unset
    // {
      value = types.context.inOption unset.loc value;
      inherit (merged.defsFinal') highestPrio;
      definitions = map (def: def.value) merged.defsFinal;
      files = map (def: def.file) merged.defsFinal;
      definitionsWithLocations = merged.defsFinal;
      inherit (merged) isDefined;
    };

  # Merges the definitions `defs` of the options in the tree `unset`, which is at `path`. Returns:
  # { options; set; value; strangers; }, which are all options, the options that are set, the values of all
  # options, and the definitions that belong to no option. The order of `strangers` is that of the module
  # system.
  mergeTree =
    path: unset: values: defs:
    let
      definitions = byName (checked path (concatMap pushDown defs));
      inner = mapAttrs (
        name: node:
        if isOption node then
          ofOption node definitions.${name}
        else
          mergeTree (path ++ [ name ]) node values.${name} definitions.${name}
      ) (intersectAttrs definitions unset);
      strangersIn =
        name:
        if inner ? ${name} then
          inner.${name}.strangers
        else
          map (def: def // { value = lib.setAttrByPath (path ++ [ name ]) def.value; }) definitions.${name};
    in
    {
      options = unset // mapAttrs (_: each: each.options) inner;
      set = mapAttrs (_: each: each.set) inner;
      value = values // mapAttrs (_: each: each.value) inner;
      strangers = concatMap strangersIn (attrNames definitions);
    };
  ofOption =
    unset: defs:
    let
      option = evalOption unset defs;
    in
    {
      options = option;
      set = option;
      inherit (option) value;
      strangers = [ ];
    };

  freeform = types.strangers // {
    merge =
      _: defs:
      let
        merged = mergeTree [ ] known defaults (lib.filter (def: !(def.value ? _sparse)) defs);
      in
      merged.value
      // {
        _sparse = { inherit (merged) options set; };
      }
      // (if merged.strangers == [ ] then { } else { _strangers = merged.strangers; });
  };

  # The definition of `_sparse`, which belongs to no option, has the effect that the freeform type is used
  # also on a host whose modules define nothing.
  usesFreeform = {
    _file = ./sparse-options.nix;
    config = {
      _module.freeformType = freeform;
      _sparse = { };
    };
  };

  # Whether modules declare an option of the tree `ours` again, or one above or below it.
  areDeclared =
    ours: theirs:
    any (
      name: isOption ours.${name} || isOption theirs.${name} || areDeclared ours.${name} theirs.${name}
    ) (attrNames (intersectAttrs ours theirs));
in
{
  modules,
  specialArgs,
  # The evaluation of the same modules with all options.
  whole,
}:
let
  evaluated = evalModules {
    modules = modules ++ tail ours ++ [ usesFreeform ];
    # The few modules that use the argument `options` get all options. The options of this evaluation would
    # be an infinite recursion: their names are known only after the names of all definitions.
    specialArgs = specialArgs // {
      inherit (whole) options;
    };
  };
  inherit (evaluated.config) _sparse;

  # Users' modules may declare options beside those of NixFleet, such as `nixfleet.app`. Most do not.
  beside =
    if intersectAttrs known evaluated.options == { } then
      more: evaluated.options // more
    else
      lib.recursiveUpdate evaluated.options;
in
{
  # Whether this evaluation can be used.
  isUsable = !areDeclared known evaluated.options;

  options = beside _sparse.options;
  config = removeAttrs evaluated.config [ "_sparse" ];

  # The options that modules set, and all options that users' modules declare.
  set = removeAttrs (beside _sparse.set) [ "_module" ];
  # The values of all options of NixFleet on a host whose modules set none of them.
  unset = resolvedDefaults;
}
