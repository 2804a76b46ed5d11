# Paths below /etc, which NixOS makes; our engine makes all others.
{ lib }:
rec {
  isIn = lib.hasPrefix "/etc/";
  name = lib.removePrefix "/etc/";

  # The entries of a collection by path that are in /etc, and the others.
  within = lib.filterAttrs (path: _: isIn path);
  outside = lib.filterAttrs (path: _: !isIn path);
}
