# shellcheck shell=sh disable=SC2154
# $1: a generation, or `previous`. Then flags of a plan, if any.
if [ "$activator" != none ]; then
  to=$1
  shift
  as_root "$activator" rollback --json --plan --to "$to" "$@" \
    --login "${LOGNAME:-$(id -un)}" --connection "${SSH_CONNECTION:-}"
fi
