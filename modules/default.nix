# The intent of a host: what it should have, said without knowing what runs on it. One option family per file.
{ lib, types }:
let
  args = { inherit lib types; };
in
{
  packages = import ./packages.nix args;
  files = import ./files.nix args;
  directories = import ./directories.nix args;
  users = import ./users.nix args;
  groups = import ./groups.nix args;
  healthChecks = import ./health-checks.nix args;
  maxFileSize = import ./max-file-size.nix args;
  systemd = import ./systemd.nix args;
}
