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
    {
      specialArgs,
      modules,
      ours,
      ...
    }:
    import ./eval-modules.nix { inherit lib; } {
      inherit
        class
        specialArgs
        modules
        ours
        ;
    };

  # The mistakes in these options are collected: `nixfleet`, assertions, warnings, and the options of users'
  # modules that have NixFleet types.
  resolved = options: removeAttrs options [ "_module" ];
}
