# Evaluates the arguments of mkFleet to a fleet, as evalFleet returns it.
{ evalFleet }:
# inputs:             the flake's own inputs, which every module receives as an argument
# nixpkgs:            the source of `lib` and packages; NixFleet's own input by default
# modules:            fleet modules
# fleet:              { hosts; network; }, a short form of a fleet module, in which `network` means `defaults`
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

  shortForm =
    { lib, ... }:
    {
      _file = "the argument `fleet` of mkFleet";
      config = lib.optionalAttrs (fleet != null) (
        removeAttrs fleet [ "network" ] // lib.optionalAttrs (fleet ? network) { defaults = fleet.network; }
      );
    };

  perHost = {
    _file = "the argument `hostConfigurations` of mkFleet";
    config.hosts = builtins.mapAttrs (_: module: { modules = [ module ]; }) hostConfigurations;
  };
in
evalFleet {
  inherit inputs nixpkgs;
  inherit (arguments) definition problems;
  modules = modules ++ [
    shortForm
    perHost
  ];
}
