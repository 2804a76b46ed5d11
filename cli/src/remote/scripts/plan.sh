# shellcheck shell=sh disable=SC2154
# $1: the activator of the wanted closure. $2: the wanted closure. Standard input: its manifest.
# Without that very activator here, the facts are the whole answer, and whether root may be had.
if [ "$activator" = "$1" ]; then
  as_root "$profile/activate" plan --json --target "$2" --manifest -
else
  as_root true
fi
