# NixOS makes the paths below /etc. NixFleet's engine makes all other paths.
{ lib }:
rec {
  isIn = lib.hasPrefix "/etc/";
  name = lib.removePrefix "/etc/";

  # From a set of entries by path, `within` keeps those below /etc, and `outside` keeps all others.
  within = lib.filterAttrs (path: _: isIn path);
  outside = lib.filterAttrs (path: _: !isIn path);
}
