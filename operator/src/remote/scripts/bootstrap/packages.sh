# shellcheck shell=sh disable=SC2034,SC2154
# Packages of the distribution: the step `packages`.

apt() {
  apt-get --quiet --assume-yes --option DPkg::Lock::Timeout=120 --option APT::Get::AutomaticRemove=false \
    --option Dpkg::Options::=--force-confdef --option Dpkg::Options::=--force-confold "$@"
}

# Prints the installed packages. Those of the host's own architecture have no architecture in their names, as in
# the simulations of apt.
installed() {
  # shellcheck disable=SC2016
  dpkg-query --show --showformat '${binary:Package} ${db:Status-Status}\n' | sed -n 's/ installed$//p' |
    sed "s/:$(dpkg --print-architecture)\$//" | sort
}

# $1: the packages.
do_packages() {
  here=$record/undo/packages
  installed >"$here/before" && cut -d: -f1 /etc/passwd >"$here/users" &&
    cut -d: -f1 /etc/group >"$here/groups" || return
  for each in /nix /etc/nix; do
    [ -e "$each" ] && echo "$each"
  done >"$here/directories"
  apt update || return
  # shellcheck disable=SC2086
  apt install --simulate --no-install-recommends --no-remove $1 >"$here/simulated" || return
  grep '^Inst [^ ]* \[' "$here/simulated" | cut -d ' ' -f 2 >"$here/upgraded"
  sed -n 's/^Inst \([^ ]*\) (.*/\1/p' "$here/simulated" | sort | comm -23 - "$here/before" >"$here/new"
  # shellcheck disable=SC2086
  apt install --no-install-recommends --no-remove $1 || return
  find_store
}

# Prints the packages that the step has installed and that are installed now. Only packages that apt named in its
# simulation count, because another program may have installed packages at the same time.
own_packages() {
  [ -e "$record/undo/packages/new" ] || return 0
  installed | comm -12 "$record/undo/packages/new" - | grep -vxF -e "$spared"
}

undo_packages() {
  here=$record/undo/packages
  own=$(own_packages)
  if [ -n "$own" ]; then
    # shellcheck disable=SC2086
    others=$(apt purge --simulate $own | sed -n 's/^\(Purg\|Remv\) \([^ ]*\).*/\2/p' |
      grep -vxF -e "$(printf '%s\n' "$own" | cut -d: -f1)" -e "$own" | tr '\n' ' ')
    if [ -n "$others" ]; then
      echo "other packages need these packages: $others"
      return 1
    fi
  fi
  # shellcheck disable=SC2046
  systemctl stop $(daemon_units) 2>/dev/null
  dpkg --configure -a
  # shellcheck disable=SC2086
  if [ -n "$own" ]; then apt purge $own || return; fi
  # The package makes these accounts, and leaves them when it is purged.
  cut -d: -f1 /etc/passwd | grep '^nixbld[0-9]*$' | while read -r each; do
    grep -qxF -e "$each" "$here/users" || userdel "$each"
  done
  for each in nixbld nix-users; do
    if getent group "$each" >/dev/null && ! grep -qxF -e "$each" "$here/groups"; then groupdel "$each"; fi
  done
  for each in /nix /etc/nix; do
    grep -qxF -e "$each" "$here/directories" || mountpoint -q "$each" || rm -rf --one-file-system "$each"
  done
  [ ! -s "$here/upgraded" ] || { echo "upgraded packages stay:" && cat "$here/upgraded" && return 1; }
}
