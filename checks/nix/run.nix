# The tests with a nixpkgs given as a flake reference: `built` is to be built first, and given as `closure`
# for the rest.
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
