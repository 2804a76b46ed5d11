# The common attributes of backends whose bases have no option system of their own. The modules of such a host
# can set only NixFleet's options and the options that users' modules declare. ../backends/default.nix
# describes each attribute.
{
  class,
  lib,
  types,
}:
{
  objection = _: null;
  isCostly = false;
  native = [ ];
  config._module.freeformType = types.strangers;
  misplaced = advice: advice.inHost;

  arguments =
    { host, packagesOf }:
    {
      pkgs = packagesOf host;
    };

  evaluate =
    ours:
    let
      sparse = import ./sparse-options.nix { inherit class lib types; } ours;
    in
    { specialArgs, modules, ... }:
    let
      whole = import ./eval-modules.nix { inherit lib; } {
        inherit
          class
          specialArgs
          modules
          ours
          ;
      };
      evaluated = sparse { inherit modules specialArgs whole; };
    in
    if evaluated.isUsable then evaluated else whole;

  # The mistakes in these options are collected: `nixfleet`, assertions, warnings, and the options of users'
  # modules that have NixFleet types.
  resolved = options: removeAttrs options [ "_module" ];
}
