# shellcheck shell=sh disable=SC2154
# $1: password, if standard input begins with a line that is the password for sudo; otherwise an empty word.
# $2: the size of the program in bytes. The rest are the arguments of the program, which runs as root.
# Standard input: the password, if any; then the program; then an installer of Nix, if any.
password='' size=$2
if [ -n "$1" ]; then
  # A printf that is a program of its own would show the password in its arguments.
  [ "$(command -v printf)" = printf ] || { echo "nixfleet: the shell has no printf" >&2; exit 1; }
  IFS= read -r password || exit
fi
shift 2

directory=
trap 'rm -rf "${directory:-}"' EXIT
trap 'exit 129' HUP INT TERM
directory=$(mktemp -d /tmp/nixfleet.XXXXXXXXXX) || directory=$(mktemp -d /var/tmp/nixfleet.XXXXXXXXXX) || exit
head -c "$size" >"$directory/program" && cat >"$directory/installer" || exit

# sudo reads only one line. If the password is wrong, no line is left for another attempt, and if sudo needs
# no password, nothing else reads the line.
if [ -n "$password" ] && [ "$(id -u)" -ne 0 ]; then
  printf '%s\n' "$password" | sudo -S -p '' -- /bin/sh "$directory/program" "$@"
else
  as_root /bin/sh "$directory/program" "$@"
fi
