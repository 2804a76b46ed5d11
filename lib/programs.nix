# NixFleet's own programs by Nix system: those that a fleet names, otherwise its packages.
{
  config,
  lib,
  packages,
}:
let
  # Whether a string refers to the output of a derivation; otherwise it refers to a source tree.
  isBuilt =
    given:
    !builtins.isPath given
    && lib.any (origin: origin ? outputs) (lib.attrValues (builtins.getContext "${given}"));

  # Copies only the file itself from a source tree, so that hosts receive nothing else of it.
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
  # The binaries of the activator.
  activators =
    lib.mapAttrs (_: package: "${package.nixfleet-activate}/bin/nixfleet-activate") packages
    // lib.mapAttrs place config.activator;

  # The folders of the command line.
  clis = lib.mapAttrs (_: package: package.nixfleet) packages // config.cli;
}
