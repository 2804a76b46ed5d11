# shellcheck shell=sh disable=SC2154
# $1: a generation, or `previous`.
if [ "$activator" != none ]; then as_root "$activator" rollback --json --plan --to "$1"; fi
