# The options of the inventory, which fleet modules set.
{ lib, types }:
let
  args = { inherit lib types; };
in
{
  hosts = import ./hosts.nix args;
  hostKeys = import ./host-keys.nix args;
  roles = import ./roles.nix args;
  defaults = import ./defaults.nix args;
  tags = import ./tags.nix args;
  notifications = import ./notifications.nix args;
  programs = import ./programs.nix args;
  packageSets = (import ./package-sets.nix args).ofFleet;
}
