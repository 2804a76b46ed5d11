# A value of a fleet, or all its mistakes thrown as one text.
#
# `checked fleet evaluated value` looks at the inventory and at these evaluated hosts alone, so that one host costs one
# host's evaluation. Only when something is wrong are all hosts looked at, so that everything is told at once.
{ report }:
fleet: evaluated: value:
if fleet.problems == [ ] && fleet.lib.all (host: host.problems == [ ]) evaluated then
  value
else
  throw (report fleet)
