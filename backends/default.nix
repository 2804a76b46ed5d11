# Backends by the base of a host: they compile an intent. Each is { lib, types } → a set with:
#
#   class        the class of a host's modules: "nixfleetHost", or "nixos" for modules that are NixOS's too
#   families the names of all option families → those that it can compile. Use of another family is a mistake
#   newAccount   { name, system } → { home, shell }: the values of a new account, if they are not stated
#   problems     { intent, options, inputs } → mistakes that only the whole configuration of a host shows
#   toplevelFor { host, config, intent, activator } → { buildSystem, builder } → the closure of the host, a
#                derivation that `builder`, the activator for `buildSystem`, can build
#
# `intent` has the value of every option of a family, in the same tree as below `nixfleet`; `config` is the
# evaluated configuration of all modules.
{
  ubuntu = import ./ubuntu;
}
