# The flake apps, such as `nix run .#plan`. Each app runs the command line under the name
# `nixfleet-<subcommand>`, from which the command line derives the subcommand.
fleet:
let
  inherit (fleet) lib;
in
lib.mapAttrs (
  _: cli:
  lib.mapAttrs (name: description: {
    type = "app";
    program = "${cli}/bin/nixfleet-${name}";
    meta = { inherit description; };
  }) (import ./subcommands.nix)
) fleet.clis
