# shellcheck shell=sh
# $1: the activator. Standard input: the plan.
as_root "$1" os-download --json
