# shellcheck shell=sh disable=SC2154
# $1: the scope.
if [ "$activator" != none ]; then as_root "$activator" os-plan --json --scope "$1"; fi
