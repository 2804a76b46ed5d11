# shellcheck shell=sh disable=SC2154
# All of it goes to the activator. Standard input: which backups are to be dropped, if any.
if [ "$activator" != none ]; then as_root "$activator" backups "$@"; fi
