#!/bin/sh
# Prepares a host that has no activator yet. Runs as root.
#
#   facts USER                 print a fact on each line: its name, a space, and its value
#   change USER KEYS LINE...   run steps, and undo all of them if one fails
#   undo                       undo the steps of the last change
#   end                        keep a record of the last change, which cannot be undone as a whole any more
#   made                       print what earlier changes have made
#   forget STEP...             undo these steps of all earlier changes
#
# USER is the user that NixFleet will log in as. KEYS are the public keys to add, one a line. Each LINE is a
# step and its argument, or `argument` and an argument of the installer:
#
#   packages NAME...   install packages of the distribution
#   installer SHA256   run the installer, which is in the directory of this program
#   daemon             enable and start the Nix daemon
#   user               create the user
#   keys               add the keys to the user
#   sudo               let the user become root without a password
#   host-key           make an ed25519 host key
#
# The output of `change` and `undo` is `busy`, or a line for each step: `done STEP`, `failed STEP`,
# `undone STEP` or `left STEP`. After a failed step, lines that begin with `error` have the end of what programs
# printed. The last line of `change`, `undo`, `end` and `forget` is `end`.
#
# The output of `made` has a line `made STEP WHAT` for each step in the records, a line `used PATH` for each root
# for garbage collection that is not one of NixFleet, and a line `managed yes` if NixFleet has other records.
set -u
exec </dev/null
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C.UTF-8
DEBIAN_FRONTEND=noninteractive
APT_LISTCHANGES_FRONTEND=none
# needrestart would restart services of the host.
NEEDRESTART_SUSPEND=1
export PATH LC_ALL DEBIAN_FRONTEND APT_LISTCHANGES_FRONTEND NEEDRESTART_SUSPEND
umask 022

run=/run/nixfleet-bootstrap
# The directory with what the undo of steps needs.
record=$run
# The records of the bootstraps of this host, 1, 2, …, for `forget`.
records=/var/lib/nixfleet/bootstrap
# A package that the undo of the step `packages` leaves installed. Other users may need sudo by now.
spared=
unit=nixfleet-bootstrap.service
host_key=/etc/ssh/ssh_host_ed25519_key
packages='nix-bin nix-setup-systemd sudo'

newline='
'

# $1: a name. $2: a value, of which only the first line counts.
fact() {
  printf '%s %.400s\n' "$1" "${2%%"$newline"*}"
}

find_store() {
  store=
  for directory in /nix/var/nix/profiles/default/bin /run/current-system/sw/bin /usr/bin; do
    [ -x "$directory/nix-store" ] && store=$directory/nix-store && return
  done
}

# Asks the daemon about a path that no store has. Only a daemon that answers says so.
ask_daemon() {
  [ -n "$store" ] || return
  missing=/nix/store/00000000000000000000000000000000-nixfleet
  NIX_REMOTE=daemon timeout 20 "$store" --check-validity "$missing" 2>&1
}

daemon_answers() {
  case $(ask_daemon) in *"is not valid"*) return 0 ;; *) return 1 ;; esac
}

daemon_units() {
  for each in nix-daemon.socket nix-daemon.service; do
    [ "$(systemctl show --property LoadState --value "$each")" = loaded ] && echo "$each"
  done
}

home_of() {
  getent passwd "$1" | cut -d: -f6
}

facts() {
  user=$1
  # shellcheck disable=SC1091
  (
    . /etc/os-release
    fact distribution "${ID:-}"
    fact like "${ID_LIKE:-}"
    fact release "${PRETTY_NAME:-}"
  )
  fact machine "$(uname -m)"
  fact bits "$(getconf LONG_BIT)"
  [ -d /run/systemd/system ] && fact systemd "$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')"
  fact apt "$(apt-get --version 2>/dev/null | sed -n '1s/^apt \([^ ]*\).*/\1/p')"
  fact clock "$(date +%s)"
  facts_of_packages
  facts_of_nix
  facts_of_space
  facts_of_user
  [ -s "$host_key" ] && fact hostKey "$(cut -d ' ' -f 1,2 "$host_key.pub" 2>/dev/null)"
  systemctl is-active --quiet "$unit" && fact running yes
  [ -e "$run/begun" ] && fact earlier yes
  find /tmp /var/tmp -maxdepth 1 -name 'nixfleet.??????????' -mmin +60 2>/dev/null | while read -r left; do
    fact leftover "$left"
  done
}

facts_of_packages() {
  fact dpkg "$(dpkg --audit 2>&1)"
  fact lists "$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' 2>/dev/null | wc -l)"
  for each in $packages; do
    installed=$(dpkg-query --show --showformat '${db:Status-Status} ${Version}' "$each" 2>/dev/null)
    case $installed in "installed "*) installed=${installed#installed } ;; *) installed=- ;; esac
    # Without a cache of apt, this changes nothing.
    candidate=$(apt-cache --option Dir::Cache::pkgcache= --option Dir::Cache::srcpkgcache= policy "$each" \
      2>/dev/null | sed -n 's/^  Candidate: //p')
    case $candidate in '' | '(none)') candidate=- ;; esac
    fact package "$each $installed $candidate"
  done
}

facts_of_nix() {
  find_store
  [ -n "$store" ] || return
  fact nix "$("$store" --version 2>&1 | sed -n '1s/.* //p')"
  said=$(ask_daemon)
  case $said in *"is not valid"*) fact daemon answers ;; *) fact daemon "silent $said" ;; esac
  for each in $(daemon_units); do
    fact unit "$each $(systemctl is-enabled "$each" 2>/dev/null)"
  done
}

# $1: a path. Its filesystem may count no inodes.
facts_of_space() {
  for each in /nix /var; do
    place=$each
    [ -d "$place" ] || place=/
    room=$(df -Pk "$place" | sed -n '2s/^.* \([0-9][0-9]*\)  *[0-9]*%.*/\1/p')
    inodes=$(df -Pi "$place" | sed -n '2s/^.* \([0-9][0-9]*\)  *[0-9]*%.*/\1/p')
    fact space "$each ${room:--} ${inodes:--}"
  done
}

facts_of_user() {
  command -v sudo >/dev/null && fact sudo yes
  entry=$(getent passwd "$user") || return
  fact user "$(printf '%s' "$entry" | cut -d: -f 3,6,7 | tr : ' ')"
  home=$(home_of "$user")
  # Only a key without options may log in without restrictions.
  # The user may have put a link or a pipe there.
  timeout 10 runuser -u "$user" -- head -c 100000 "$home/.ssh/authorized_keys" 2>/dev/null | while read -r kind key _; do
    case $kind in ssh-* | ecdsa-* | sk-*) fact key "$kind $key" ;; esac
  done
  if command -v sudo >/dev/null && runuser -u "$user" -- sudo -n true 2>/dev/null; then fact root yes; fi
}

# $1: what the unit does. The steps survive a lost connection, because they run in a unit of systemd.
in_unit() {
  : >"$run/said"
  : >"$run/errors"
  systemd-run --quiet --collect --wait --unit="$unit" \
    --property=StandardOutput="file:$run/said" --property=StandardError="file:$run/errors" \
    -- /bin/sh "$run/program" "$1"
  cat "$run/said"
  echo end
  # Nothing is left that could be undone.
  [ -s "$run/begun" ] || rm -rf "$run"
}

change() {
  if systemctl is-active --quiet "$unit"; then
    echo busy
    return
  fi
  rm -rf "$run"
  mkdir -m 0700 "$run" || return
  cp -- "$0" "$run/program" || return
  if [ -s "${0%/*}/installer" ]; then cp -- "${0%/*}/installer" "$run/installer" || return; fi
  printf '%s\n' "$1" >"$record/user"
  printf '%s\n' "$2" >"$record/authorized_keys"
  shift 2
  : >"$run/arguments"
  for each; do
    case $each in
      "argument "*) printf '%s\n' "${each#argument }" >>"$run/arguments" ;;
      *) printf '%s\n' "$each" >>"$run/steps" ;;
    esac
  done
  in_unit steps
}

# $1: a step, of which the undo must be known before it is done.
begin() {
  mkdir -p "$record/undo/$1" && printf '%s\n' "$1" | cat - "$run/begun" >"$run/begun.new" &&
    mv "$run/begun.new" "$run/begun"
}

# Runs in the unit.
steps() {
  read -r user <"$record/user"
  find_store
  : >"$run/begun"
  while read -r step argument; do
    if begin "$step" && do_step "$step" "$argument" </dev/null >&2; then
      printf 'done %s\n' "$step"
    else
      printf 'failed %s\n' "$step"
      sed "1,/^nixfleet: $step\$/d" "$run/errors" | tail -n 12 | sed 's/^/error /'
      undo
      return 1
    fi
  done <"$run/steps"
}

# Runs in the unit. The steps that began last are undone first.
undo() {
  read -r user <"$record/user"
  while read -r step; do
    if undo_step "$step" </dev/null >&2; then outcome=undone; else outcome=left; fi
    printf '%s %s\n' "$outcome" "$step"
  done <"$run/begun"
  : >"$run/begun"
}

do_step() {
  echo "nixfleet: $1" >&2
  case $1 in
    packages) do_packages "$2" ;;
    installer) do_installer "$2" ;;
    daemon) do_daemon ;;
    user) do_user ;;
    keys) do_keys ;;
    sudo) do_sudo ;;
    host-key) do_host_key ;;
    *) return 1 ;;
  esac
}

undo_step() {
  echo "nixfleet: undo $1" >&2
  case $1 in
    packages) undo_packages ;;
    installer) undo_installer ;;
    daemon) undo_daemon ;;
    user) undo_user ;;
    keys) undo_keys ;;
    sudo) undo_sudo ;;
    host-key) undo_host_key ;;
    *) return 1 ;;
  esac
}

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

# $1: the SHA-256 digest of the installer.
do_installer() {
  # /run may be mounted noexec.
  place=$(mktemp -d /var/tmp/nixfleet.XXXXXXXXXX) || return
  cp "$run/installer" "$place/installer" && chmod 0700 "$place/installer" || return
  if printf '%s  %s\n' "$1" "$place/installer" | sha256sum --check --quiet; then
    set --
    while IFS= read -r each; do set -- "$@" "$each"; done <"$run/arguments"
    "$place/installer" "$@"
    code=$?
  else
    code=1
  fi
  rm -rf "$place"
  find_store
  [ "$code" -eq 0 ] && [ -n "$store" ]
}

undo_installer() {
  # The installer of Determinate Systems leaves a program that removes its work.
  [ -x /nix/nix-installer ] && /nix/nix-installer uninstall --no-confirm
}

do_daemon() {
  here=$record/undo/daemon
  for each in $(daemon_units); do
    printf '%s %s %s\n' "$each" "$(systemctl is-enabled "$each")" "$(systemctl is-active "$each")"
  done >"$here/units"
  for each in $(daemon_units); do
    systemctl enable "$each" || return
  done
  if [ -e "$record/undo/packages" ]; then
    # Debian's package starts the service before its socket, which then fails.
    systemctl stop nix-daemon.service
    systemctl reset-failed nix-daemon.socket 2>/dev/null
  fi
  for each in $(daemon_units); do
    daemon_answers || systemctl start "$each"
  done
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    daemon_answers && return
    sleep 1
  done
  ask_daemon
  return 1
}

undo_daemon() {
  while read -r each enabled active; do
    [ "$enabled" = enabled ] || systemctl disable "$each" || return
    [ "$active" = active ] || systemctl stop "$each" || return
  done <"$record/undo/daemon/units"
}

do_user() {
  if getent passwd "$user"; then
    echo "the user $user exists already"
    return 1
  fi
  : >"$record/undo/user/absent"
  useradd --create-home --shell /bin/bash "$user" || return
  # sshd without PAM refuses an account whose password is locked. No password matches an asterisk.
  usermod --password '*' "$user" && id -u "$user" >"$record/undo/user/uid"
}

# Prints files in the home directory of the user that did not come with the account.
own_files() {
  home=$(home_of "$user")
  [ -d "$home" ] && cd -- "$home" || return 0
  find . -xdev -type f ! -path './.ssh/*' ! -path './.cache/*' ! -name '.bash_history' | while IFS= read -r file; do
    cmp -s -- "$file" "/etc/skel/$file" || printf '%s\n' "$home/$file"
  done | head -n 3
  cd /
}

undo_user() {
  [ -e "$record/undo/user/absent" ] && getent passwd "$user" >/dev/null || return 0
  if [ -e "$record/undo/user/uid" ] && ! id -u "$user" | cmp -s - "$record/undo/user/uid"; then
    echo "the user $user was created again by somebody else"
    return 1
  fi
  files=$(own_files)
  if [ -n "$files" ]; then
    echo "the user $user has files: $files"
    return 1
  fi
  # userdel refuses an account with processes. The connection that runs this script may be one.
  for _ in 1 2 3 4 5; do
    pgrep -u "$user" >/dev/null || break
    loginctl terminate-user "$user" 2>/dev/null
    sleep 1
  done
  pkill -KILL -u "$user" && sleep 1
  userdel --remove "$user"
}

# Runs a script with the rights of the user, so that no link of the user leads to a file of somebody else.
# Standard input: the keys, one a line.
as_user() {
  runuser -u "$user" -- /bin/sh -c "umask 077; cd -- \"\$1\" || exit; $1" sh "$(home_of "$user")" \
    <"$record/authorized_keys"
}

# shellcheck disable=SC2016
do_keys() {
  here=$record/undo/keys
  as_user '[ -d .ssh ]' && : >"$here/directory"
  as_user '[ -e .ssh/authorized_keys ]' && : >"$here/file"
  as_user '[ -n "$(tail -c 1 .ssh/authorized_keys 2>/dev/null)" ]' && : >"$here/unterminated"
  as_user '
    mkdir -p .ssh || exit
    file=.ssh/authorized_keys
    if [ -n "$(tail -c 1 "$file" 2>/dev/null)" ]; then echo >>"$file" || exit; fi
    while IFS= read -r key; do
      [ -z "$key" ] || printf "%s\n" "$key" >>"$file" || exit
    done'
}

# shellcheck disable=SC2016
undo_keys() {
  here=$record/undo/keys
  getent passwd "$user" >/dev/null || return 0
  # The file is replaced at once, so a full disk or a power cut leaves the keys of others in place.
  as_user '
    file=.ssh/authorized_keys
    [ -e "$file" ] || exit 0
    grep -vxF -f - "$file" >"$file.nixfleet"
    if [ $? -gt 1 ]; then rm -f "$file.nixfleet"; exit 1; fi
    chmod --reference="$file" "$file.nixfleet"' || return
  if [ -e "$here/unterminated" ]; then as_user 'truncate --no-create --size=-1 .ssh/authorized_keys.nixfleet' || return; fi
  as_user '
    file=.ssh/authorized_keys
    [ ! -e "$file.nixfleet" ] || { sync "$file.nixfleet" && mv "$file.nixfleet" "$file"; }' || return
  if [ ! -e "$here/file" ]; then as_user '[ -s .ssh/authorized_keys ] || rm -f .ssh/authorized_keys' || return; fi
  if [ ! -e "$here/directory" ]; then as_user '[ -e .ssh/authorized_keys ] || rmdir .ssh' || return; fi
}

# sudo ignores files with a dot in their names.
rule_file() {
  printf '/etc/sudoers.d/nixfleet-%s\n' "$(printf '%s' "$user" | tr . _)"
}

do_sudo() {
  here=$record/undo/sudo
  file=$(rule_file)
  if [ -e "$file" ]; then cp -p "$file" "$here/before" || return; fi
  printf '%s ALL=(ALL:ALL) NOPASSWD: ALL\n' "$user" >"$here/rule" && chmod 0440 "$here/rule" || return
  visudo --check --quiet --file="$here/rule" || return
  [ -d /etc/sudoers.d ] || mkdir -m 0750 /etc/sudoers.d || return
  cp -p "$here/rule" "$file.new" && sync "$file.new" && mv "$file.new" "$file" || return
  visudo --check --quiet || return
  runuser -u "$user" -- sudo -n true && return
  echo "the rule in $file has no effect: does /etc/sudoers include /etc/sudoers.d?"
  return 1
}

undo_sudo() {
  file=$(rule_file)
  rm -f "$file.new"
  if [ -e "$record/undo/sudo/before" ]; then
    cp -p "$record/undo/sudo/before" "$file.new" && mv "$file.new" "$file"
  else
    rm -f "$file"
  fi
}

reload_sshd() {
  for each in ssh.service sshd.service; do
    if systemctl is-active --quiet "$each"; then
      systemctl reload "$each"
      return
    fi
  done
}

do_host_key() {
  here=$record/undo/host-key
  if [ -s "$host_key" ]; then
    echo "$host_key exists already"
    return 1
  fi
  : >"$here/absent"
  ssh-keygen -q -t ed25519 -N '' -C "root@$(uname -n)" -f "$here/key" || return
  chmod 0644 "$here/key.pub"
  cp -p "$here/key.pub" "$host_key.pub" && cp -p "$here/key" "$host_key" || return
  sync "$host_key" "$host_key.pub" || return
  rm "$here/key"
  sshd -t && reload_sshd
}

undo_host_key() {
  [ -e "$record/undo/host-key/absent" ] || return 0
  rm -f "$host_key" "$host_key.pub"
  reload_sshd
}

# Prints the numbers of the records, newest first.
numbers() {
  find "$records" -mindepth 1 -maxdepth 1 -name '[0-9]*' -printf '%f\n' 2>/dev/null | sort -rn
}

# Keeps the record of the last change for `forget`.
end() {
  if [ -s "$run/begun" ]; then
    (umask 077 && mkdir -p "$records") || return
    last=$(numbers | head -n 1)
    new=$records/$((${last:-0} + 1))
    rm -rf "$records/new" && mkdir -m 0700 "$records/new" &&
      cp -a "$run/undo" "$run/user" "$run/authorized_keys" "$run/begun" "$records/new/" || return
    sync -f "$records" && mv "$records/new" "$new" && sync "$records" || return
  fi
  rm -rf "$run" && echo end
}

made() {
  spared=sudo
  for number in $(numbers); do
    record=$records/$number
    read -r user <"$record/user"
    while read -r step; do
      case $step in
        packages) what=$(own_packages | tr '\n' ' ') ;;
        installer) what=$([ -x /nix/nix-installer ] && echo /nix/nix-installer || echo -) ;;
        sudo) what=$(rule_file) ;;
        host-key) what=$host_key.pub ;;
        user)
          what=-
          if getent passwd "$user" >/dev/null; then what="$user $(home_of "$user")"; fi
          ;;
        keys) what="$user $(grep -c . "$record/authorized_keys")" ;;
        *) what=- ;;
      esac
      fact made "$step ${what:--}"
    done <"$record/begun"
  done
  for each in /nix/var/nix/profiles/nixfleet/activator /nix/var/nix/profiles/nixfleet/system \
    /var/lib/nixfleet/state.json; do
    if [ -e "$each" ]; then fact managed yes; fi
  done
  find /nix/var/nix/profiles /nix/var/nix/gcroots -type l -lname '/nix/store/*' 2>/dev/null |
    grep -v -e '^/nix/var/nix/profiles/nixfleet/' -e '^/nix/var/nix/gcroots/nixfleet-' |
    while read -r each; do
      # An empty profile, which some versions of Nix make, uses nothing.
      [ "$(find "$each/" -mindepth 1 ! -name manifest.nix ! -name manifest.json 2>/dev/null)" = "" ] ||
        fact used "$each"
    done
  echo end
}

# Runs in the unit. Undoes the steps in $run/steps, in this order, and removes them from the records.
forget_steps() {
  spared=sudo
  find_store
  while read -r step; do
    for number in $(numbers); do
      record=$records/$number
      grep -qxF -e "$step" "$record/begun" || continue
      read -r user <"$record/user"
      if undo_step "$step" </dev/null >&2; then
        printf 'undone %s\n' "$step"
        grep -vxF -e "$step" "$record/begun" >"$record/begun.new"
        mv "$record/begun.new" "$record/begun" && rm -rf "$record/undo/$step"
      else
        printf 'left %s\n' "$step"
        sed "1,/^nixfleet: undo $step\$/d" "$run/errors" | tail -n 12 | sed 's/^/error /'
        return 1
      fi
    done
  done <"$run/steps"
  for number in $(numbers); do
    # The host key stays, because others have recorded it.
    grep -qvxF -e host-key "$records/$number/begun" || rm -rf "${records:?}/$number"
  done
  rmdir "$records" /var/lib/nixfleet 2>/dev/null
  return 0
}

forget() {
  if systemctl is-active --quiet "$unit"; then
    echo busy
    return
  fi
  rm -rf "$run"
  mkdir -m 0700 "$run" && cp -- "$0" "$run/program" && printf '%s\n' "$@" >"$run/steps" || return
  in_unit forget-steps
}

case ${1-} in
  facts) facts "$2" ;;
  change)
    shift
    change "$@"
    ;;
  undo) if [ -e "$run/begun" ]; then in_unit undo-steps; else echo end; fi ;;
  end) end ;;
  made) made ;;
  forget)
    shift
    forget "$@"
    ;;
  # These run in the unit.
  steps) steps ;;
  undo-steps) undo ;;
  forget-steps) forget_steps ;;
  *) exit 64 ;;
esac
