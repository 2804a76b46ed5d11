# NixOS makes the paths below /etc. NixFleet's engine makes all other paths.
{ lib }:
rec {
  isIn = lib.hasPrefix "/etc/";
  name = lib.removePrefix "/etc/";

  # `within` keeps the entries whose path is below /etc, and `outside` keeps all other entries.
  within = lib.filterAttrs (path: _: isIn path);
  outside = lib.filterAttrs (path: _: !isIn path);
}
