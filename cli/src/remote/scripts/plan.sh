# shellcheck shell=sh disable=SC2154
# $1: the activator of the wanted closure. $2: the wanted closure. Then --force=… and --health-checks, if any. Standard
# input: its manifest.
# Without that very activator here, the facts are the whole answer, and whether root may be had.
wanted=$1 closure=$2
shift 2
if [ "$activator" = "$wanted" ]; then
  as_root "$activator" plan --json --target "$closure" --manifest - "$@"
else
  as_root true
fi
