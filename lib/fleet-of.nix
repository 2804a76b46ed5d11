# Evaluates the arguments of mkFleet to a fleet, as evalFleet returns it.
{ evalFleet }:
# The arguments of mkFleet:
#
# inputs:             the flake's own inputs, which every module receives as an argument
# nixpkgs:            the source of `lib` and packages; NixFleet's own input by default
# modules:            fleet modules
# fleet:              { hosts; network; }, the short form of a fleet module, see ./short-form.nix
# hostConfigurations: intent modules by host name, a short form of `hosts.<name>.modules`
given:
let
  arguments = import ./arguments.nix given;
  inherit (arguments.usable)
    inputs
    nixpkgs
    modules
    fleet
    hostConfigurations
    ;

  perHost = {
    _file = "the argument `hostConfigurations` of mkFleet";
    config.hosts = builtins.mapAttrs (_: module: { modules = [ module ]; }) hostConfigurations;
  };
in
evalFleet {
  inherit inputs nixpkgs;
  inherit (arguments) definition problems;
  modules = modules ++ [
    (import ./short-form.nix fleet)
    perHost
  ];
}
