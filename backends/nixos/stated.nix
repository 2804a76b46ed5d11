# Returns whether a module of the user sets a field of an entry, such as one field of one unit. A module that
# sets the field to its default value counts too.
{ lib }:
let
  settled = def: map (each: each.value) (lib.mergeDefinitions [ ] lib.types.raw [ def ]).defsFinal;

  # Returns the sets that the definition of an entry consists of. The definition may be a set, a function or a
  # module.
  contentOf =
    name: entry: value:
    let
      arguments = {
        inherit lib name;
        config = entry;
      };
      named = lib.functionArgs value;
      called = if named == { } then value arguments else value (builtins.intersectAttrs named arguments);
      # A function whose other arguments are unknown here is not called. Modules that add options to the
      # entries define these arguments, and only the module system has them.
      isKnown = lib.all (argument: arguments ? ${argument} || named.${argument}) (lib.attrNames named);
    in
    if lib.isFunction value then
      lib.optionals isKnown (contentOf name entry called)
    else if lib.isAttrs value then
      [ (value.config or value) ]
    else
      [ ];

  # Returns the values of an attribute in a definition of a set, after mkIf, mkMerge and priorities are
  # applied.
  valuesOf =
    def: attr:
    lib.concatMap (
      value:
      lib.optionals (lib.isAttrs value && value ? ${attr}) (settled (def // { value = value.${attr}; }))
    ) (settled def);
in
# `option` is the evaluated option of a collection, such as all units. `entry` is the value of the entry with
# this name.
option: name: entry: field:
lib.any (
  def:
  lib.any (
    value:
    lib.any (content: valuesOf (def // { value = content; }) field != [ ]) (contentOf name entry value)
  ) (valuesOf def name)
) option.definitionsWithLocations
