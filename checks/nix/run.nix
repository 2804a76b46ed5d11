# Runs the tests with a nixpkgs that is given as a flake reference. To run all tests, first build the
# attributes `built` and `builtNixos` of the result, and then pass the built closures as the arguments
# `closure` and `nixosClosure`.
{
  nixpkgs,
  older ? null,
  whole ? null,
  flakeParts ? null,
  activator ? null,
  closure ? null,
  nixosClosure ? null,
}:
import ./. {
  nixpkgs = builtins.getFlake nixpkgs;
  whole = if whole == null then null else builtins.getFlake whole;
  older = if older == null then null else /. + older;
  flakeParts =
    if flakeParts == null then
      null
    else
      # Its flake.nix is called with the nixpkgs of the tests, so no input is fetched.
      (import (/. + flakeParts + "/flake.nix")).outputs {
        self = /. + flakeParts;
        nixpkgs-lib = builtins.getFlake nixpkgs;
      };
  inherit activator closure nixosClosure;
}
