# shellcheck shell=sh
# $1: the size of the activator. $2: the wanted closure. Then flags of `plan`. Standard input: the activator, then the
# manifest and the contents that --parts tells of.
size=$1 closure=$2
shift 2
program=
trap 'rm -rf "${directory:-}" "${other:-}"' EXIT
trap 'exit 129' HUP INT TERM

# The input comes only once: room for it is taken before any of it is read. Other users may have filled /tmp.
for place in /tmp /var/tmp; do
  directory=$(mktemp -d "$place/nixfleet.XXXXXXXXXX") || continue
  program=$directory/nixfleet-activate
  why=$(head -c "$size" /dev/zero 2>&1 >"$program") && break
  rm -rf "$directory"
  program=
done
[ -n "$program" ] || { printf '%s\n' "${why:-}" >&2; exit 1; }
head -c "$size" 1<>"$program" && chmod 0700 "$program" || exit

# /tmp may be mounted noexec.
if ! "$program" --version >/dev/null 2>&1; then
  other=$(mktemp -d /var/tmp/nixfleet.XXXXXXXXXX) || exit
  cp "$program" "$other/nixfleet-activate" || exit
  program=$other/nixfleet-activate
fi
as_root "$program" plan --json --target "$closure" --manifest - "$@" \
  --login "${LOGNAME:-$(id -un)}" --connection "${SSH_CONNECTION:-}"
