# Reports a Nix on the operator's machine that is too old. `version` is `builtins.nixVersion`.
#
# The command line passes the derivations of all hosts to `nix build --stdin`, which Nix has since 2.15. Hosts
# may have an older Nix.
{ types, version }:
let
  oldest = "2.15";
in
if builtins.compareVersions version oldest >= 0 then
  [ ]
else
  [
    (
      types.problem.make {
        loc = [ ];
        def.file = "this machine";
        what = "the Nix of this machine is too old: it is ${version}, but NixFleet needs ${oldest}";
        why = "nixfleet builds host closures with `nix build --stdin`, which older versions do not have; hosts may have an older Nix";
        help = "install a newer Nix on this machine: https://nixos.org/download";
      }
      // {
        option = "the version of Nix";
      }
    )
  ]
