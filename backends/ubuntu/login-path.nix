# Adds the profile to the PATH of login shells.
{ lib }:
let
  addedFile = import ./added-file.nix;
in
packages: {
  reason = "for the packages of nixfleet.packages";
  directories = { };
  files = lib.optionalAttrs (packages != [ ]) {
    "/etc/profile.d/nixfleet.sh" = addedFile (builtins.readFile ./login-path.sh);
  };
}
