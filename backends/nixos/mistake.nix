# Makes the problem of an entry in a collection, such as a file or a unit. `within` is the path of a field in
# the entry. `rest` has the texts, as ../../lib/types/problem.nix describes them.
{ types }:
option: name: within: rest:
types.problem.make (
  {
    loc = option.loc ++ [ name ] ++ within;
    def = types.definitionOf option name;
  }
  // rest
)
