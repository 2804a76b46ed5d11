# The profile of a host's packages: one tree of links, made by Nix's own builtin builder, without stdenv.
{ lib }:
let
  # The default priority of nixpkgs is five; if two packages have the same file, the lower number wins.
  priority = package: package.meta.priority or 5;

  outputs =
    package:
    if package ? outputs then
      map (output: package.${output}) (package.meta.outputsToInstall or [ "out" ])
    else
      [ package ];
in
{
  # A package as the plan shows it.
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
        # The builder links this as manifest.nix, where `nix-env` would keep what it installed.
        manifest = builtins.toFile "manifest.nix" "[ ]";
        # Words that the builder reads in order: active, priority, number of outputs, outputs.
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
