# NixFleet's own programs by Nix system: those a fleet names, and its packages otherwise.
{
  config,
  lib,
  packages,
}:
let
  # A string that refers to what a derivation builds; any other refers to a source tree.
  isBuilt =
    given:
    !builtins.isPath given
    && lib.any (origin: origin ? outputs) (lib.attrValues (builtins.getContext "${given}"));

  # Out of a source tree only the file itself is taken, so that hosts get nothing else of it.
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
