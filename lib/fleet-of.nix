# Evaluates the arguments of mkFleet to a fleet, as evalFleet returns it.
{
  evalFleet,
  lib,
  definition ? null,
}:
# The arguments of mkFleet:
#
# inputs:             the flake's own inputs, which every module receives as an argument
# nixpkgs:            the source of `lib` and packages; NixFleet's own input by default
# modules:            fleet modules
# specialArgs:        further arguments of all modules
# inventory:          a TOML or JSON file with the keys of a fleet module, see ./inventory-file.nix
# fleet:              { hosts; network; }, the short form of a fleet module, see ./short-form.nix
# hostConfigurations: intent modules by host name, a short form of `hosts.<name>.modules`
given:
let
  arguments = import ./arguments.nix { inherit definition lib; } given;
  inherit (arguments.usable)
    inputs
    nixpkgs
    modules
    fleet
    hostConfigurations
    inventory
    specialArgs
    ;

  perHost = {
    _file = "the argument `hostConfigurations` of mkFleet";
    config.hosts = builtins.mapAttrs (_: module: { modules = [ module ]; }) hostConfigurations;
  };
in
evalFleet {
  inherit inputs nixpkgs specialArgs;
  inherit (arguments) definition problems;
  modules =
    modules
    ++ [
      (import ./short-form.nix fleet)
      perHost
    ]
    ++ lib.optional (inventory != null) (
      (import ./inventory-file.nix { inherit lib; }).module inventory
    );
}
