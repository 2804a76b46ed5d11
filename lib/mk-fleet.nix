# Returns the flake outputs of a fleet. The arguments are those of fleetOf.
{
  apps,
  checks,
  fleetData,
  fleetOf,
  hosts,
}:
arguments:
let
  evaluated = fleetOf arguments;
  closures = hosts evaluated;
  whole = {
    fleet = fleetData evaluated;
    hosts = closures;
  };
in
{
  # `whole` gives the command line both values in one evaluation. The path `nixfleet` alone cannot be
  # evaluated if there is a package of that name, because Nix prefers the package.
  nixfleet = whole // {
    schema = 1;
    inherit whole;
  };
  apps = apps evaluated;
  checks = checks evaluated closures;
}
