# Runs the tests with a nixpkgs that is given as a flake reference. To run all tests, first build the
# attribute `built` of the result, and then pass the built closure as the argument `closure`.
{
  nixpkgs,
  whole ? null,
  activator ? null,
  closure ? null,
}:
import ./. {
  nixpkgs = builtins.getFlake nixpkgs;
  whole = if whole == null then null else builtins.getFlake whole;
  inherit activator closure;
}
