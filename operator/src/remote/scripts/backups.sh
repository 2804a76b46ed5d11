# shellcheck shell=sh disable=SC2154
# All arguments are passed to the activator. Standard input: the backups to drop, if any.
if [ "$activator" != none ]; then as_root "$activator" backups "$@"; fi
