# Lists the entries of a NixOS option that modules other than NixFleet's declare. The value of the option is
# an attribute set of entries, as in `environment.etc`.
{ lib }:
let
  isOurs = def: toString def.file == toString ./module.nix;

  # The values that the definition `def` gives to the entry `name`, after `mkIf`, `mkMerge` and priorities are
  # applied.
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
  # The first definition of an entry that has a value for which `counts` is true, or null.
  definitionOf = name: counts: lib.findFirst (def: lib.any counts (valuesOf name def)) null others;

  # The names of all entries that other modules declare.
  names = lib.concatMap (
    def: lib.filter (name: valuesOf name def != [ ]) (lib.attrNames def.value)
  ) others;
}
