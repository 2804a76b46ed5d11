# Runs the tests with a nixpkgs that is given as a flake reference. For all tests to run, build `built` of the
# result first, then pass it as `closure`.
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
