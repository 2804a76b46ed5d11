# shellcheck shell=sh disable=SC2016
# $1: sudo, or nothing. Then the command.
# A line on each stream says where the output of the command begins, and which process it is; what the login shell may have
# said before is noise. The path is set after sudo, which would replace it. That there is no such command is said in words of
# our own: the shell would say it of this script, which nobody has typed.
_run='printf "\n@nixfleet %s\n" "$$"; printf "\n@nixfleet\n" >&2
export PATH="/nix/var/nix/profiles/nixfleet/system/sw/bin:$PATH"
command -v -- "$1" >/dev/null || { printf "%s: command not found\n" "$1" >&2; exit 127; }
exec "$@"'
if [ -n "$1" ]; then shift; exec sudo -n -- /bin/sh -c "$_run" nixfleet "$@"; fi
shift
eval "$_run"
