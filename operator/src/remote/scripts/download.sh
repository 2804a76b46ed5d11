# shellcheck shell=sh disable=SC2154
# $1: the closure, which is on the host.
as_root "$1/activate" download --json --closure "$1"
