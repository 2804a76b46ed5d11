# Returns a value of a fleet, or throws all mistakes as one text.
#
# `checked fleet evaluated value` checks only the inventory and these evaluated hosts, so that one host costs
# one evaluation. If there is a mistake, all hosts are checked, so that all mistakes are reported at once.
{ report }:
fleet: evaluated: value:
if fleet.problems == [ ] && fleet.lib.all (host: host.problems == [ ]) evaluated then
  value
else
  throw (report fleet)
