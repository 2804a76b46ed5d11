# What compiles an intent, by the base of the host. Each is { lib, types } → a backend:
#
#   class        the class of a host's modules: "nixfleetHost", or "nixos" for modules that are NixOS's too
#   families     the names of all option families → those that it can compile. A host that uses another one is a mistake
#   newAccount   { name, system } → { home, shell }: what a new account has where nothing is stated
#   problems     { intent, options, inputs } → mistakes that only show when everything a host has is seen together
#   toplevelFor  { host, config, intent, activator } → { buildSystem, builder } → the closure of the host, a derivation that
#                `builder`, the activator for `buildSystem`, can build
#
# `intent` has the value of every option of a family, in the same tree as below `nixfleet`; `config` is the evaluated
# configuration of all modules.
{
  ubuntu = import ./ubuntu;
}
