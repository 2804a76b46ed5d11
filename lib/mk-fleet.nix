# A fleet to flake outputs. The arguments are those of fleetOf.
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
  # `whole` is for evaluating both at once: of `nixfleet` itself, Nix would take a package of that name.
  nixfleet = whole // {
    schema = 1;
    inherit whole;
  };
  apps = apps evaluated;
  checks = checks evaluated closures;
}
