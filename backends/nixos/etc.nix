# Separates paths below /etc from other paths. On a NixOS host, NixOS makes the paths below /etc, and
# NixFleet's engine makes all other paths.
{ lib }:
rec {
  isIn = lib.hasPrefix "/etc/";
  name = lib.removePrefix "/etc/";

  # `within` keeps the entries whose path is below /etc, and `outside` keeps all other entries.
  within = lib.filterAttrs (path: _: isIn path);
  outside = lib.filterAttrs (path: _: !isIn path);
}
