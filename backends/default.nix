# The backends, by base. A backend compiles the intent of a host, which is its desired configuration, to a
# host closure. Each backend is a function { lib, types } → a set with these attributes:
#
#   objection    nixpkgs → null, or the reason why this nixpkgs cannot evaluate hosts of this base:
#                { what; why; example; }
#   isCostly     whether the evaluation of a host takes seconds, and hundreds of megabytes of memory
#   lacking      the option families that the backend cannot compile, each { } or with the texts of the
#                mistake of using the family: { why; example; }
#   native       the families whose options the host's own module system declares
#   config       configuration that all hosts of this base share, in addition to the options of the families
#   misplaced    the advice of ../lib/misplaced.nix → the advice for unknown names in modules of a host
#   newAccount   { name, system } → { home, shell }: the values of a new account that its declaration does
#                not set
#   arguments    { host, packagesOf } → the arguments that modules get only on this base
#   evaluate     ours → { host, nixpkgs, specialArgs, modules, ours, intentOf } → the evaluated modules.
#                `ours` are the modules that declare the families; work that depends on them alone is done
#                once for all hosts. `intentOf` takes an evaluation and returns its intent and its mistakes
#   resolved     all options of an evaluated host → the options whose mistakes are collected
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
