# Whether a user's module sets a field of an entry, even to the default value of the field.
{ lib }:
let
  settled = def: map (each: each.value) (lib.mergeDefinitions [ ] lib.types.raw [ def ]).defsFinal;

  # The sets that the definition of an entry consists of. A definition may be a function, or a module.
  contentOf =
    name: entry: value:
    let
      arguments = {
        inherit lib name;
        config = entry;
      };
      named = lib.functionArgs value;
      called = if named == { } then value arguments else value (builtins.intersectAttrs named arguments);
      # Other arguments come from modules that add options to the entries. Only the module system has them.
      isKnown = lib.all (argument: arguments ? ${argument} || named.${argument}) (lib.attrNames named);
    in
    if lib.isFunction value then
      lib.optionals isKnown (contentOf name entry called)
    else if lib.isAttrs value then
      [ (value.config or value) ]
    else
      [ ];

  # The values of an attribute in a definition of a set, after mkIf, mkMerge and priorities are applied.
  valuesOf =
    def: attr:
    lib.concatMap (
      value:
      lib.optionals (lib.isAttrs value && value ? ${attr}) (settled (def // { value = value.${attr}; }))
    ) (settled def);
in
# `option` is the evaluated option of a collection, and `entry` is the value of its entry `name`.
option: name: entry: field:
lib.any (
  def:
  lib.any (
    value:
    lib.any (content: valuesOf (def // { value = content; }) field != [ ]) (contentOf name entry value)
  ) (valuesOf def name)
) option.definitionsWithLocations
