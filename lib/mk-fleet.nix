# Returns the flake outputs of a fleet. The arguments are those of fleetOf.
{
  apps,
  checks,
  fleetData,
  fleetModules,
  fleetOf,
  generateColmena,
  hosts,
  nixosSystems,
}:
arguments:
let
  evaluated = fleetOf arguments;
  closures = hosts evaluated;
  hive = generateColmena evaluated;
  inputs = arguments.inputs or { };
  whole = {
    fleet = fleetData evaluated;
    hosts = closures;
  };
in
{
  # The command line evaluates `fleet` and `hosts` together, as `nixfleet.whole`. It cannot evaluate the
  # output `nixfleet` itself, because Nix would prefer a package with the name `nixfleet`.
  nixfleet = whole // {
    schema = 1;
    inherit whole;
  };
  apps = apps evaluated;
  checks = checks evaluated closures;
  nixosConfigurations = nixosSystems evaluated;
  nixosModules = fleetModules.nixos evaluated;
  nixfleetModules = fleetModules.intent;
  colmena = hive;
}
# The output `colmenaHive` is made by `makeHive` of the flake's own input `colmena`, because colmena checks
# this output.
// (if inputs ? colmena then { colmenaHive = inputs.colmena.lib.makeHive hive; } else { })
