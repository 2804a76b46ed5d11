# Makes the parts of the Intent document that are the same on every base, and the host closure from the whole
# document. Reports mistakes that only the whole configuration of a host shows.
{ lib, types }:
let
  install = import ./install.nix { inherit lib; };
  known = import ./known.nix { inherit lib; };
in
{
  inherit install known;
  # Returns the derivation of a host closure: { document, buildSystem, builder }.
  closure = import ./closure.nix;
  accountMistakes = import ./account-mistakes.nix { inherit lib types; };
  entries = import ./entries.nix { inherit known lib types; };
  healthChecks = import ./health-checks.nix { inherit known lib types; };
  paths = import ./paths.nix { inherit install lib types; };
  references = import ./references.nix { inherit lib types; };
}
