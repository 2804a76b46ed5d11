# The accounts that a NixOS system declares.
{ lib }:
{
  # Whether the activation script creates the accounts, before it makes the files below /etc. Otherwise, a
  # unit creates them, and other units may start at the same time.
  isScripted =
    config: !(config.systemd.sysusers.enable or false) && !(config.services.userborn.enable or false);

  # The names of the users or groups that NixOS creates.
  names =
    accounts:
    lib.mapAttrsToList (name: account: account.name or name) (
      lib.filterAttrs (_: account: account.enable or true) accounts
    );
}
