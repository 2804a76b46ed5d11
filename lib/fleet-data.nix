# Returns the inventory as plain data, for the command line. This evaluates no packages and no host's intent.
fleet:
let
  inherit (fleet) lib;
  said = lib.filterAttrs (_: value: value != null);

  # The attributes of a host that the command line reads.
  known = lib.genAttrs [
    "addr"
    "base"
    "maintenance"
    "name"
    "pin"
    "roles"
    "rollout"
    "ssh"
    "system"
    "tags"
    "timeouts"
  ] (_: null);

  # A bootstrap installs the authorized keys on the host. Most fleets declare none.
  sshOf =
    host:
    if host.ssh.authorizedKeys == [ ] then removeAttrs host.ssh [ "authorizedKeys" ] else host.ssh;

  # The file into which the command line writes host keys. A path below the flake is relative to the flake,
  # because Nix evaluates a copy of the flake.
  hostKeys = lib.removePrefix "${toString (fleet.inputs.self.outPath or "/nonexistent")}/" (
    toString fleet.config.hostKeys
  );
in
fleet.types.context.inFleet fleet.inputs (
  fleet.checked { } (
    {
      schema = 1;
      # Nix sets `rev` for a clean Git tree, and `dirtyRev` if the tree has changes. Without Git, Nix sets
      # neither.
      revision = fleet.inputs.self.rev or fleet.inputs.self.dirtyRev or null;
      hosts = lib.mapAttrs (
        _: host: builtins.intersectAttrs known host // { ssh = sshOf host; }
      ) fleet.hosts;
      # `said` omits the options that are null from `rollout`, `notifications` and `tags`.
      rollout = said (removeAttrs fleet.config.defaults.rollout [ "confirmTimeout" ]);
      notifications = lib.mapAttrs (_: said) fleet.config.notifications;
      tags = lib.mapAttrs (_: tag: said tag // { rollout = said tag.rollout; }) fleet.config.tags;
    }
    // lib.optionalAttrs (fleet.config.hostKeys != null) {
      hostKeys = builtins.unsafeDiscardStringContext hostKeys;
    }
  )
)
