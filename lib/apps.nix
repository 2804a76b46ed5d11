# `nix run .#plan` and so on: the command line, called by the name that makes it one subcommand.
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
