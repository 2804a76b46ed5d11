# shellcheck shell=sh disable=SC2154
# $1: `collect` to collect garbage in the store afterwards, otherwise empty. The other arguments are passed to
# the activator.
collect=$1
shift
if [ "$activator" != none ]; then
  [ -z "$collect" ] || set -- "$@" --collect "$store"
  as_root "$activator" gc --json "$@"
fi
