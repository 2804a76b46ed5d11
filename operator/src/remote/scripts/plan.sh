# shellcheck shell=sh disable=SC2154
# $1: the activator of the wanted closure. $2: the wanted closure. Then flags of `plan`. Standard input: its manifest, and the
# contents that --parts tells of, if any.
# Without that very activator here, the facts are the whole answer, and whether root may be had.
wanted=$1 closure=$2
shift 2
if [ "$activator" = "$wanted" ]; then
  as_root "$activator" plan --json --target "$closure" --manifest - "$@" \
    --login "${LOGNAME:-$(id -un)}" --connection "${SSH_CONNECTION:-}"
else
  as_root /bin/sh -c :
fi
