# A fleet to flake outputs.
{
  apps,
  checks,
  evalFleet,
  fleetData,
  hosts,
}:
# inputs:             the flake's own inputs, which every module gets as an argument
# nixpkgs:            where `lib` and packages come from; NixFleet's own input by default
# modules:            fleet modules
# fleet:              short form: { hosts; network; }, where network means the same as `defaults` in a fleet module
# hostConfigurations: short form: intent modules by host name
{
  inputs ? { },
  nixpkgs ? null,
  modules ? [ ],
  fleet ? null,
  hostConfigurations ? { },
}:
let
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

  evaluated = evalFleet {
    inherit inputs nixpkgs;
    modules = modules ++ [
      shortForm
      perHost
    ];
  };
  closures = hosts evaluated;
  whole = {
    fleet = fleetData evaluated;
    hosts = closures;
  };
in
{
  # `whole` is for evaluating both at once: of `nixfleet` itself, Nix would take a package of that name.
  nixfleet = whole // {
    schema = 1;
    inherit whole;
  };
  apps = apps evaluated;
  checks = checks evaluated closures;
}
