# `nix run .#plan` and so on: the command line under the name that makes it one subcommand.
fleet:
let
  inherit (fleet) lib;
  subcommands = {
    plan = "Show what would change on the hosts";
    apply = "Change the hosts";
    rollback = "Return hosts to an earlier generation";
    status = "Show what the hosts have, and what differs from it";
    run = "Run a command on the hosts";
    hosts = "List the hosts of the inventory";
  };
in
lib.mapAttrs (
  _: cli:
  lib.mapAttrs (name: description: {
    type = "app";
    program = "${cli}/bin/nixfleet-${name}";
    meta = { inherit description; };
  }) subcommands
) fleet.clis
