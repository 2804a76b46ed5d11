# Lists the entries that modules other than ours declare in a NixOS option that is a set.
{ lib }:
let
  isOurs = def: toString def.file == toString ./module.nix;

  # The values of an entry after mkIf and the like.
  valuesOf =
    name: def:
    lib.optionals (def.value ? ${name}) (
      map (each: each.value) (settled (def // { value = def.value.${name}; }))
    );
  settled = def: (lib.mergeDefinitions [ ] lib.types.raw [ def ]).defsFinal;
in
option:
let
  others = lib.filter (def: !isOurs def) option.definitionsWithLocations;
in
{
  # The definition of an entry, or null. `counts` says whether its value does.
  definitionOf = name: counts: lib.findFirst (def: lib.any counts (valuesOf name def)) null others;

  # The names of all entries.
  names = lib.concatMap (
    def: lib.filter (name: valuesOf name def != [ ]) (lib.attrNames def.value)
  ) others;
}
