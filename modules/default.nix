# The options for the intent of a host: what the host should have, independent of its operating system. Each
# file declares one option family.
#
# `newAccount` is the function of the backend that returns the default values of a new account, see
# ../backends.
{
  lib,
  types,
  newAccount,
}:
let
  args = { inherit lib types; };
in
{
  packages = import ./packages.nix args;
  files = import ./files.nix args;
  directories = import ./directories.nix args;
  links = import ./links.nix args;
  absent = import ./absent.nix args;
  apt = import ./apt args;
  users = import ./users.nix (args // { inherit newAccount; });
  groups = import ./groups.nix args;
  healthChecks = import ./health-checks.nix args;
  activationTimeout = import ./activation-timeout.nix args;
  maxFileSize = import ./max-file-size.nix args;
  systemd = import ./systemd.nix args;

  # These options are at the top level and not below `nixfleet`, because NixOS modules have them at the top
  # level.
  assertions = import ./assertions.nix args;
}
