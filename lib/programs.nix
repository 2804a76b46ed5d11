# The programs of NixFleet by Nix system: the programs that the fleet declares, or else NixFleet's own
# packages.
{
  config,
  lib,
  packages,
}:
let
  # Whether a value refers to the output of a derivation. Otherwise it refers to a source tree.
  isBuilt =
    given:
    !builtins.isPath given
    && lib.any (origin: origin ? outputs) (lib.attrValues (builtins.getContext "${given}"));

  # The store path of an activator. If the activator is a file in a source tree, only this file is copied to
  # the store, so that hosts do not receive the rest of the tree.
  place =
    _: given:
    if isBuilt given then
      "${given}"
    else
      "${builtins.path {
        path = given;
        name = "nixfleet-activate";
      }}";
in
{
  # The path of the activator's binary, by Nix system.
  activators =
    lib.mapAttrs (_: package: "${package.nixfleet-activate}/bin/nixfleet-activate") (
      lib.filterAttrs (_: package: package ? nixfleet-activate) packages
    )
    // lib.mapAttrs place config.activator;

  # The package or directory that contains the command line, by Nix system.
  clis = lib.mapAttrs (_: package: package.nixfleet) packages // config.cli;
}
