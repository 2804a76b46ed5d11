# Returns `value` if the fleet has no mistakes, and otherwise throws all mistakes as one text.
#
# `checked fleet evaluated value` checks only the inventory and the hosts in `evaluated`, so that one host
# costs one evaluation. If one of them has a mistake, all hosts are checked, so that all mistakes are reported
# at once.
{ report }:
fleet: evaluated: value:
if fleet.problems == [ ] && fleet.lib.all (host: host.problems == [ ]) evaluated then
  value
else
  throw (report fleet)
