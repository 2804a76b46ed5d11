# shellcheck shell=sh
# $1: the activator that carries the change out. $2: the run.
as_root "$1" follow --json --run "$2"
