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

# Reads a simulation of apt. Prints the installed packages that it upgrades.
upgraded() {
  sed -n 's/^Inst \([^ ]*\) \[.*/\1/p'
}

# Prints the packages that apt would upgrade to install these packages, or why apt cannot install them.
# Changes nothing, not even the caches of apt.
simulate() {
  if simulated=$(apt install --simulate --no-install-recommends --no-remove --option Dir::Cache::pkgcache= \
    --option Dir::Cache::srcpkgcache= "$@" 2>&1); then
    printf '%s\n' "$simulated" | upgraded | sed 's/^/upgrade /'
  else
    fact refused "$(printf '%s\n' "$simulated" | grep -v '^E: Unable to correct problems' | tail -n 1)"
  fi
  echo end
}

# $1: the packages, each with its planned version if that is known. The packages that may be upgraded are in
# $run/upgrades.
do_packages() {
  here=$record/undo/packages
  cut -d: -f1 /etc/passwd >"$here/users" && cut -d: -f1 /etc/group >"$here/groups" || return
  for each in /nix /etc/nix; do
    if [ -e "$each" ]; then echo "$each"; fi
  done >"$here/directories" || return
  names=$(printf '%s' "$1" | sed 's/=[^ ]*//g')
  apt update || return
  # shellcheck disable=SC2086
  apt install --simulate --no-install-recommends --no-remove $names >"$here/simulated" || return
  sed -n 's/^Inst \([^ ]*\) \(\[[^]]*\] \)\{0,1\}(\([^ ]*\) .*/\1=\3/p' "$here/simulated" >"$here/planned" || return
  upgraded <"$here/simulated" >"$here/upgrades" || return
  is_planned "$1" || return
  # The guard runs after apt has taken the lock of dpkg, and before dpkg.
  printf '#!/bin/sh\nexec /bin/sh %s guard 3<&0\n' "$run/program" >"$here/guard" &&
    chmod 0700 "$here/guard" || return
  # shellcheck disable=SC2086
  apt install --no-install-recommends --no-remove --option "DPkg::Pre-Install-Pkgs::=$here/guard" \
    --option "DPkg::Tools::Options::$here/guard::Version=3" $names || return
  find_store
}

# $1: the packages with their planned versions. Fails if the renewed lists of packages would change the plan.
is_planned() {
  for each in $1; do
    case $each in *=*) ;; *) continue ;; esac
    grep -qxF -e "$each" "$here/planned" && continue
    found=$(grep -e "^${each%%=*}=" "$here/planned" || echo nothing)
    echo "the plan has $each, and after apt-get update, apt would install $found"
    return 1
  done
  others=$(grep -vxF -f "$run/upgrades" "$here/upgrades" | tr '\n' ' ')
  [ -n "$others" ] || return 0
  echo "the plan does not have these upgrades, which apt makes after apt-get update: $others"
  return 1
}

# Reads a transaction of apt, in version 3 of the protocol of DPkg::Pre-Install-Pkgs. Fails if the transaction
# has a package that the simulation did not have. Records the new packages and the upgraded packages here,
# because no other program can install packages now.
guard() {
  here=$record/undo/packages
  native=$(dpkg --print-architecture)
  while IFS= read -r line && [ -n "$line" ]; do :; done
  : >"$here/new.unsorted" && : >"$here/upgraded" || return
  while read -r name old _ _ _ version architecture _ action; do
    [ "$action" != '**CONFIGURE**' ] || continue
    case $architecture in "$native" | all) ;; *) name=$name:$architecture ;; esac
    if ! grep -qxF -e "$name=$version" "$here/planned"; then
      echo "apt would change $name to $version, which its simulation did not have" >&2
      return 1
    fi
    if [ "$old" = - ]; then file=new.unsorted; else file=upgraded; fi
    echo "$name" >>"$here/$file" || return
  done
  sort "$here/new.unsorted" >"$here/new" && sync "$here/new"
}

# Prints the packages that the step has installed and that are installed now.
own_packages() {
  [ -e "$record/undo/packages/new" ] || return 0
  installed | comm -12 "$record/undo/packages/new" - | grep -vxF -e "$spared"
}

# Whether the step has installed Nix. Without this, its directories and accounts belong to somebody else.
has_installed_nix() {
  grep -qx nix-bin "$record/undo/packages/new"
}

# Prints the directories of Nix that the step has made.
own_directories() {
  has_installed_nix || return 0
  for each in /nix /etc/nix; do
    grep -qxF -e "$each" "$record/undo/packages/directories" || echo "$each"
  done
}

# Prints the mounts at and below the directories that the step has made.
mounts() {
  for each in $(own_directories); do
    findmnt --raw --noheadings --output TARGET | grep -e "^$each\$" -e "^$each/"
  done | tr '\n' ' '
}

# Removes what the packages of Nix leave when they are purged.
undo_nix() {
  # The package makes these accounts, and leaves them when it is purged.
  cut -d: -f1 /etc/passwd | grep '^nixbld[0-9]*$' | while read -r each; do
    grep -qxF -e "$each" "$here/users" || userdel "$each"
  done
  for each in nixbld nix-users; do
    if getent group "$each" >/dev/null && ! grep -qxF -e "$each" "$here/groups"; then groupdel "$each"; fi
  done
  for each in $(own_directories); do
    rm -rf --one-file-system "$each" || return
  done
}

undo_packages() {
  here=$record/undo/packages
  # Without this file, the step has changed nothing.
  [ -e "$here/new" ] || return 0
  mounted=$(mounts)
  if [ -n "$mounted" ]; then
    echo "something is mounted in the directories of Nix: $mounted"
    return 1
  fi
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
  if has_installed_nix; then systemctl stop $(daemon_units) 2>/dev/null; fi
  dpkg --configure -a
  # shellcheck disable=SC2086
  if [ -n "$own" ]; then apt purge $own || return; fi
  if has_installed_nix; then undo_nix || return; fi
  # Upgrades cannot be undone. `forget` does not report them, because the plan of the change had them.
  [ -z "$spared" ] && [ -s "$here/upgraded" ] || return 0
  echo "upgraded packages stay:" && cat "$here/upgraded"
  return 1
}
