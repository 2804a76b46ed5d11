# shellcheck shell=sh disable=SC2154
# $1: a generation, or `previous`. $2: who asks.
as_root "$profile/activate" rollback --json --to "$1" --by "$2"
