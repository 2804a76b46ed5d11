# The rows of all families.
world:
import ./apt.nix world
// import ./files.nix world
// import ./health-checks.nix world
// import ./limits.nix
// import ./links.nix world
// import ./packages.nix world
// import ./trees.nix world
// import ./units.nix world
// import ./users.nix world
