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
  # With `whole`, the command line evaluates both values at once. It cannot use the path `nixfleet`, because
  # Nix would prefer a package of that name.
  nixfleet = whole // {
    schema = 1;
    inherit whole;
  };
  apps = apps evaluated;
  checks = checks evaluated closures;
}
