# Runs the tests with a nixpkgs that is given as a flake reference. To run all tests, first build the
# attributes `built` and `builtNixos` of the result, and then pass the built closures as the arguments
# `closure` and `nixosClosure`.
{
  nixpkgs,
  older ? null,
  whole ? null,
  activator ? null,
  closure ? null,
  nixosClosure ? null,
}:
import ./. {
  nixpkgs = builtins.getFlake nixpkgs;
  whole = if whole == null then null else builtins.getFlake whole;
  older = if older == null then null else /. + older;
  inherit activator closure nixosClosure;
}
