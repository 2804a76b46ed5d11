# Returns `value` if the fleet has no mistakes. Otherwise it throws all mistakes as one text.
#
# `checked fleet evaluated value` checks the inventory and the hosts in `evaluated`, which has evaluations by
# host name, but no other hosts. So a command for one host evaluates only one host. If one of these hosts has
# a mistake, all hosts of the fleet whose evaluation is cheap are checked, so that all mistakes are reported
# at once. The command line evaluates each of the other hosts in a process of its own, and merges their
# reports.
{ report }:
fleet: evaluated: value:
let
  inherit (fleet) lib;
  isCheap = name: _: !fleet.backends.${fleet.hosts.${name}.base}.isCostly;
  intents = lib.filterAttrs isCheap fleet.intents // evaluated;
in
if fleet.problems == [ ] && lib.all (host: host.problems == [ ]) (lib.attrValues evaluated) then
  value
else
  throw (report (fleet // { inherit intents; }))
