# shellcheck shell=sh disable=SC2016,SC2154
# $1: the closure. $2: the run. $3: the revision of the flake, or nothing. The rest goes to the activator. Standard input: a conversation with `nix-store`, over which
# the closure comes. Its end lets the change begin, if `nix-store` has said that the closure is valid.
#
# The root is laid before the closure is there, and holds from the moment on in which it is valid. It is an indirect one
# below /run, so that Nix forgets it if we cannot.
facts none
as_root /bin/sh -c '
store=$1 closure=$2 run=/run/nixfleet/$3 roots=/nix/var/nix/gcroots/auto
root=$roots/nixfleet-$3
# Not a flag: the activator may be one that does not know it.
NIXFLEET_REVISION=$4
# sudo looks in /usr/local first, where a group may be allowed to write.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
export NIXFLEET_REVISION PATH
shift 4
[ -d /run/nixfleet ] || mkdir -m 0700 /run/nixfleet || exit
[ -O /run/nixfleet ] && [ ! -L /run/nixfleet ] || { echo "/run/nixfleet belongs to somebody else" >&2; exit 1; }
[ -d "$roots" ] || mkdir -p "$roots" || exit
trap "rm -f \"$root\" \"$run.closure\" \"$run.said\"" EXIT
ln -s "$closure" "$run.closure" && ln -s "$run.closure" "$root" || exit
"$store" --serve --write | tee "$run.said"
grep -qF -e "$closure" "$run.said" || exit 75
"$closure/activate" apply --json --closure "$closure" "$@"
' nixfleet "$store" "$@" --login "${LOGNAME:-$(id -un)}" --connection "${SSH_CONNECTION:-}"
