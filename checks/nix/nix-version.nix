# Tests that a Nix on the operator's machine that is too old for NixFleet is refused.
{ nixfleet, prebuilt, ... }:
let
  report =
    nixVersion:
    nixfleet.report (
      nixfleet.evalFleet {
        inherit nixVersion;
        modules = [ prebuilt ];
      }
    );
in
{
  "a Nix without `nix build --stdin` is refused, and told what to do" = {
    expr = report "2.8.0";
    expected = ''
      [NF-201] 1 mistake in the fleet

      1. the Nix of this machine is too old: it is 2.8.0, but NixFleet needs 2.15
         where: the version of Nix, in this machine
         why: nixfleet builds host closures with `nix build --stdin`, which older versions do not have; hosts may have an older Nix
         help: install a newer Nix on this machine: https://nixos.org/download
    '';
  };

  "newer versions are accepted, as numbers and not as text" = {
    expr = map report [
      "2.15.0"
      "2.26.3"
      "2.34.1"
      "2.91.1"
      "3.0"
    ];
    expected = [
      null
      null
      null
      null
      null
    ];
  };
}
