# The profile of a host: one directory tree with links to the files of all its packages. Nix's own
# `builtin:buildenv` makes the tree, so stdenv is not needed.
{ lib }:
let
  # The priority of a package, which is 5 by default as in nixpkgs. If two packages have the same file, the
  # package with the lower number wins.
  priority = package: package.meta.priority or 5;

  outputs =
    package:
    if package ? outputs then
      map (output: package.${output}) (package.meta.outputsToInstall or [ "out" ])
    else
      [ package ];
in
{
  # The name, version and store path of a package, as the plan shows them.
  entry = package: {
    name = lib.getName package;
    version = lib.getVersion package;
    path = "${package}";
  };

  build =
    host: packages:
    if packages == [ ] then
      null
    else
      "${derivation {
        name = "nixfleet-${host}-packages";
        system = "builtin";
        builder = "builtin:buildenv";
        # buildenv requires this file and links it as manifest.nix, where `nix-env` would record the installed
        # packages. NixFleet does not use `nix-env`, so the list is empty.
        manifest = builtins.toFile "manifest.nix" "[ ]";
        # buildenv reads these words in order. The words for each package are: whether the package is active,
        # its priority, the number of its outputs, and the outputs.
        derivations = map (
          package:
          [
            "true"
            (priority package)
            (lib.length (outputs package))
          ]
          ++ outputs package
        ) packages;
        preferLocalBuild = true;
        allowSubstitutes = false;
      }}";
}
