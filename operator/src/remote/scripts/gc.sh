# shellcheck shell=sh disable=SC2154
# $1: collect, where the store is to be collected as well, else an empty word. The rest goes to the activator.
collect=$1
shift
if [ "$activator" != none ]; then
  [ -z "$collect" ] || set -- "$@" --collect "$store"
  as_root "$activator" gc --json "$@"
fi
