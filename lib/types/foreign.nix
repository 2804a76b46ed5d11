# A type of nixpkgs' among ours: a mistake in its value is thrown at once, as it is elsewhere.
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
