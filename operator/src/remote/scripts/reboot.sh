# shellcheck shell=sh disable=SC2154
# $1: the id of the present boot.
if [ "$activator" != none ]; then as_root "$activator" reboot --json --expect-boot "$1"; fi
