# Makes a nixpkgs type usable among NixFleet's types. A mistake in a value of the nixpkgs type is thrown at
# once, as in nixpkgs.
{ lib }:
type:
if type ? resolve then
  type
else
  type
  // {
    resolve = loc: defs: {
      value = (lib.mergeDefinitions loc type defs).mergedValue;
      problems = [ ];
    };
  }
