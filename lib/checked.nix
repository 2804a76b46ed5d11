# A value of a fleet, or all its mistakes thrown as one text.
#
# `checked fleet names value` looks at the inventory and at the hosts in `names` alone, so that one host costs one host's
# evaluation. Only when something is wrong are all hosts looked at, so that everything is told at once.
{ report }:
fleet: names: value:
if fleet.problems == [ ] && fleet.lib.all (name: fleet.intents.${name}.problems == [ ]) names then
  value
else
  throw (report fleet)
