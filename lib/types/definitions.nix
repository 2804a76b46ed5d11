# Functions on definitions. A definition is { file; value; }, with { parent; attr; } if the value is in a set,
# so that messages can show its line.
{ lib }:
let
  inherit (builtins)
    concatLists
    head
    isAttrs
    mapAttrs
    tail
    ;

  # nixpkgs keeps the file of a definition, but not the attribute.
  relocate =
    defs: final:
    let
      same = lib.filter (def: def.file == final.file) defs;
    in
    if same != [ ] && tail same == [ ] then head same // { inherit (final) value; } else final;

  # The values of a set as separate definitions.
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
  # Whether a value is a mkIf, mkForce or the like.
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

  # The definitions of one option after mkIf, mkMerge, priorities and order.
  settle =
    loc: defs:
    if tail defs == [ ] && !isProperty (head defs).value then
      defs
    else
      map (relocate defs) (lib.mergeDefinitions loc lib.types.raw defs).defsFinal;

  # Turns definitions of sets into definitions by name. A single definition, the usual case, avoids the cost
  # of grouping.
  byName =
    sets:
    if sets == [ ] then
      { }
    else if tail sets == [ ] then
      located (head sets)
    else
      lib.zipAttrsWith (_: concatLists) (map located sets);
}
