# Makes flake outputs from a fleet. The arguments are those of fleetOf.
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
  # `whole` evaluates both at once: for `nixfleet` itself, Nix would use a package of that name.
  nixfleet = whole // {
    schema = 1;
    inherit whole;
  };
  apps = apps evaluated;
  checks = checks evaluated closures;
}
