# `nix run .#plan` and so on: the command line, which derives the subcommand from the name that it is called
# by.
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
