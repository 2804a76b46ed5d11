# Returns `value` if the fleet has no mistakes. Otherwise it throws all mistakes as one text.
#
# `checked fleet evaluated value` checks the inventory and the hosts in the list `evaluated`, but no other
# hosts. So a command for one host evaluates only one host. If one of the listed hosts has a mistake, all
# hosts of the fleet are checked, so that all mistakes are reported at once.
{ report }:
fleet: evaluated: value:
if fleet.problems == [ ] && fleet.lib.all (host: host.problems == [ ]) evaluated then
  value
else
  throw (report fleet)
