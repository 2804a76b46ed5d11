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
  # The command line evaluates `fleet` and `hosts` at once, as `nixfleet.whole`. It cannot evaluate `nixfleet`
  # itself, because Nix would prefer a package of that name.
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
# Only the flake's own input `colmena` can make `colmenaHive`, because colmena checks the result.
// (if inputs ? colmena then { colmenaHive = inputs.colmena.lib.makeHive hive; } else { })
