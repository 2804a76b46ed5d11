# The backends, by base. A backend compiles the intent of a host to a host closure. Each is a function { lib,
# types } → a set with these attributes:
#
#   objection    nixpkgs → null, or why this nixpkgs cannot evaluate them: { what; why; example; }
#   families     the names of all option families → those that it can compile; others are mistakes
#   native       the families whose options the host's own module system declares
#   config       what is set once for all hosts, beside the options of the families
#   newAccount   { name, system } → { home, shell }: the values of a new account, if they are not stated
#   arguments    { host, nixpkgs } → arguments of the host's modules, beside those of every base
#   evaluate     { host, nixpkgs, specialArgs, modules, ours, intentOf } → the evaluated modules. `ours`
#                declare the families, `intentOf` returns the intent in an evaluation and its mistakes
#   resolved     all options of an evaluated host → those whose mistakes are collected
#   problems     { config, intent, options, inputs } → mistakes that only the whole configuration shows
#   toplevelFor  { host, config, intent, activator } → { buildSystem, builder } → the closure of the host, a
#                derivation that `builder`, the activator for `buildSystem`, can build
#
# `intent` has the value of every option of a family, in the same tree as below `nixfleet`. `config` is the
# evaluated configuration of all modules.
{
  nixos = import ./nixos;
  ubuntu = import ./ubuntu;
}
