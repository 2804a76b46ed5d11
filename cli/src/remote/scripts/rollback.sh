# shellcheck shell=sh disable=SC2154
# $1: a generation, or `previous`. $2: the fingerprint of the plan that was shown. $3: who asks.
as_root "$profile/activate" rollback --json --to "$1" --expect "$2" --by "$3"
