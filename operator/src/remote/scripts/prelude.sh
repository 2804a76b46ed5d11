# shellcheck shell=sh
# Runs first on every host. Each program that a script starts costs the host about a millisecond of its processor, so as few
# are started as can be.
set -u
# Some of what runs here becomes root: first come places that only root can write to, whatever a login says.
PATH="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:$PATH"
# The words of an error message show what a program complains about.
LC_ALL=C.UTF-8
export LC_ALL

# sudo looks for a program in places of its own, to which a group may write: it is named by its path.
as_root() {
  # The effective user is the second number.
  while read -r key _ uid _ && [ "$key" != Uid: ]; do :; done 2>/dev/null </proc/self/status
  if [ "${uid:-$(id -u)}" -eq 0 ]; then "$@"; else sudo -n -- "$@"; fi
}

# Nix's own installer puts it into a profile of root's, distributions where all programs are.
store=none
for _directory in /nix/var/nix/profiles/default/bin /run/current-system/sw/bin /usr/bin; do
  [ -x "$_directory/nix-store" ] && store=$_directory/nix-store && break
done

# $1: the activator of the host, or none where that is of no interest. The line of facts is where the answer
# begins; what the login shell may have said before is noise.
facts() {
  printf '\n@nixfleet %s %s\n' "$1" "$store"
}
