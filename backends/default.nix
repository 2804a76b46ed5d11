# The backends, by base. A backend compiles the intent of a host to a host closure. Each is a function { lib,
# types } → a set with these attributes:
#
#   class         the class of a host's modules: "nixfleetHost", or "nixos" for modules that NixOS can use too
#   families      the names of all option families → those that the backend can compile. The use of any other
#                 family is a mistake
#   newAccount    { name, system } → { home, shell }: the values of a new account that states none
#   problems      { intent, options, inputs } → the mistakes that only the whole configuration of a host shows
#   toplevelFor   { host, config, intent, activator } → { buildSystem, builder } → the closure of the host, a
#                 derivation that `builder`, the activator for `buildSystem`, can build
#
# `intent` has the value of every option of a family, in the same tree as below `nixfleet`. `config` is the
# evaluated configuration of all modules.
{
  ubuntu = import ./ubuntu;
}
