# The inventory as plain data, what the command line reads. No package and no host's intent is evaluated for it.
fleet:
let
  inherit (fleet) lib;
in
fleet.checked [ ] {
  schema = 1;
  hosts = lib.mapAttrs (_: host: removeAttrs host [ "modules" ]) fleet.hosts;
}
