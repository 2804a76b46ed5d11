# The tests with a nixpkgs given as a flake reference: `built` is to be built first, and given as `closure`
# for the rest.
{
  nixpkgs,
  activator ? null,
  closure ? null,
}:
import ./. {
  nixpkgs = builtins.getFlake nixpkgs;
  inherit activator closure;
}
