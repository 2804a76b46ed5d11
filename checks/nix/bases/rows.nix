# The rows of all families.
world:
world.lib.concatMapAttrs (_: rows: rows) {
  apt = import ./apt.nix world;
  files = import ./files.nix world;
  health-checks = import ./health-checks.nix world;
  limits = import ./limits.nix;
  links = import ./links.nix world;
  packages = import ./packages.nix world;
  trees = import ./trees.nix world;
  units = import ./units.nix world;
  users = import ./users.nix world;
}
