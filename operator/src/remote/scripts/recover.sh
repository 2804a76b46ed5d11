# shellcheck shell=sh disable=SC2154
if [ "$activator" != none ]; then as_root "$activator" recover --json; fi
