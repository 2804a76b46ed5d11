# How a backend evaluates hosts whose modules have the options of NixFleet alone, and those that the modules
# declare themselves. ../backends says what each attribute is.
{
  class,
  lib,
  types,
}:
let
  noPackages =
    host:
    "[NF-201] nixpkgs has no packages for ${host.system}, the system of host ${host.name}\n"
    + "write: hosts.${host.name}.system = \"x86_64-linux\";";
in
{
  objection = _: null;
  native = [ ];
  config._module.freeformType = types.strangers;

  arguments =
    { host, nixpkgs }:
    {
      pkgs = nixpkgs.legacyPackages.${host.system} or (throw (noPackages host));
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

  # Besides `nixfleet`: assertions, warnings, and options of NixFleet types in users' modules.
  resolved = options: removeAttrs options [ "_module" ];
}
