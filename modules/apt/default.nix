# `nixfleet.apt`: packages of the distribution and of other package sources, which apt installs.
#
# This is one option with fields, and not one option for each field: each option costs evaluation time for
# each host.
{ lib, types }:
let
  args = { inherit lib types; };
in
{
  _file = ./default.nix;

  options.nixfleet.apt = lib.mkOption {
    type = types.record {
      description = "a set with packages, sources, pins and holds";
      elsewhere = {
        package = "packages";
        repositories = "sources";
        repos = "sources";
        preferences = "pins";
        hold = "holds";
      };
      fields = {
        packages = import ./packages.nix args;
        sources = import ./sources.nix args;
        pins = import ./pins.nix args;
        holds = import ./holds.nix args;
        lockTimeout = import ./lock-timeout.nix args;
      };
    };
    default = { };
    example = {
      packages = [ "nginx" ];
    };
    description = "What apt installs and removes, and where it takes packages from. Only hosts with Ubuntu or Debian have apt.";
  };
}
