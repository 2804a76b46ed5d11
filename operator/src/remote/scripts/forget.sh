# shellcheck shell=sh disable=SC2154
# The arguments go to the activator.
if [ "$activator" != none ]; then as_root "$activator" forget --json "$@"; fi
