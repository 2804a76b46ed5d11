# The hosts of a fleet whose base is NixOS.
fleet:
fleet.types.context.inFleet fleet.inputs (
  fleet.lib.filterAttrs (_: host: host.base == "nixos") (fleet.checked { } fleet.hosts)
)
