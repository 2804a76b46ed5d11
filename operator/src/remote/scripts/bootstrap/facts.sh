# shellcheck shell=sh disable=SC2034,SC2154
# The facts of a host.

# $1: a name. $2: a value. Only its first line is printed.
fact() {
  printf '%s %.400s\n' "$1" "${2%%"$newline"*}"
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
  if is_running; then fact running "$(owner)"; fi
  fact_of_open_change
  find /tmp /var/tmp -maxdepth 1 -name 'nixfleet.??????????' -mmin +60 2>/dev/null | while read -r left; do
    fact leftover "$left"
  done
}

# Prints the id of the open change, its age in seconds, and its owner.
fact_of_open_change() {
  id=$(open_id)
  [ "$id" = - ] || fact earlier "$id $(($(date +%s) - $(stat -c %Y "$open/begun"))) $(owner)"
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

# $1: a path. Its filesystem may not count inodes.
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
  if command -v visudo >/dev/null; then
    # It prints the error in a file of somebody else too. The step `sudo` needs a set of rules without errors.
    said=$(visudo --check 2>&1) || fact rules "$said"
  fi
  entry=$(getent passwd "$user") || return
  fact user "$(printf '%s' "$entry" | cut -d: -f 3,6,7 | tr : ' ')"
  home=$(home_of "$user")
  # Only a key without options may log in without restrictions.
  # The user may have put a link or a pipe there.
  timeout 5 runuser -u "$user" -- head -c 100000 "$home/.ssh/authorized_keys" 2>/dev/null |
    while read -r kind key _; do
      case $kind in ssh-* | ecdsa-* | sk-*) fact key "$kind $key" ;; esac
    done
  if command -v sudo >/dev/null && runuser -u "$user" -- sudo -n true 2>/dev/null; then fact root yes; fi
}
