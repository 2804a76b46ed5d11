# The inventory as plain data, what the command line reads. No package and no host's intent is evaluated for it.
fleet:
let
  inherit (fleet) lib;
  said = lib.filterAttrs (_: value: value != null);
in
fleet.checked [ ] {
  schema = 1;
  hosts = lib.mapAttrs (_: host: removeAttrs host [ "modules" ]) fleet.hosts;
  # What is not said is left out.
  rollout = said (removeAttrs fleet.config.defaults.rollout [ "confirmTimeout" ]);
  tags = lib.mapAttrs (_: tag: said tag // { rollout = said tag.rollout; }) fleet.config.tags;
}
