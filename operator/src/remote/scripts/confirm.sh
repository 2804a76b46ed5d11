# shellcheck shell=sh
# $1: the activator that carries the change out. $2: the run. Standard input: what is said with it.
as_root "$1" confirm --json --run "$2" --said -
