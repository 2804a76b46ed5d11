# Runs the tests with a nixpkgs that is given as a flake reference. For all tests to run, build `built` of the
# result first, then pass it as `closure`.
{
  nixpkgs,
  activator ? null,
  closure ? null,
}:
import ./. {
  nixpkgs = builtins.getFlake nixpkgs;
  inherit activator closure;
}
