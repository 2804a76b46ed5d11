# shellcheck shell=sh
# $1: the activator that carries the change out. $2: the run. Standard input: what health checks found from where we are.
as_root "$1" confirm --json --run "$2" --health-checks -
