# `nixfleet.apt`: packages of the distribution and of other package sources, which apt installs.
{ lib, types }:
let
  args = { inherit lib types; };
in
{
  _file = ./default.nix;

  options.nixfleet.apt = {
    packages = import ./packages.nix args;
    sources = import ./sources.nix args;
    pins = import ./pins.nix args;
    holds = import ./holds.nix args;
  };
}
