# Functions on definitions. A definition is { file; value; }. If the value is an attribute of a set, the
# definition has { parent; attr; } too: the set and the name of the attribute. From these, messages get the
# line of the attribute.
{ lib }:
let
  inherit (builtins)
    concatLists
    head
    isAttrs
    mapAttrs
    tail
    ;

  # Restores `parent` and `attr` of a definition that nixpkgs has merged, because nixpkgs keeps only the file
  # and the value of a definition.
  relocate =
    defs: final:
    let
      same = lib.filter (def: def.file == final.file) defs;
    in
    if same != [ ] && tail same == [ ] then head same // { inherit (final) value; } else final;

  # Splits the definition of a set into a definition for each attribute.
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
  # Whether a value is the result of mkIf, mkForce or a similar function.
  isProperty = value: isAttrs value && value ? _type;

  # The definition of one entry of an evaluated option.
  definitionOf =
    option: name:
    let
      defs = option.definitionsWithLocations;
      def = lib.findFirst (def: isAttrs def.value && def.value ? ${name}) (head defs) defs;
    in
    {
      inherit (def) file;
      parent = def.value;
      attr = name;
    };

  # The definitions of one option that remain after mkIf, mkMerge, priorities and order are applied.
  settle =
    loc: defs:
    if tail defs == [ ] && !isProperty (head defs).value then
      defs
    else
      map (relocate defs) (lib.mergeDefinitions loc lib.types.raw defs).defsFinal;

  # Turns a list of definitions whose values are sets into one set, which has a list of definitions for each
  # attribute. Usually the list has only one definition, and then the slow grouping is skipped.
  byName =
    sets:
    if sets == [ ] then
      { }
    else if tail sets == [ ] then
      located (head sets)
    else
      lib.zipAttrsWith (_: concatLists) (map located sets);
}
