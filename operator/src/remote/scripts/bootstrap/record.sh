# shellcheck shell=sh disable=SC2034,SC2154
# The records of changes.

# Prints the numbers of the records, newest first.
numbers() {
  find "$records" -mindepth 1 -maxdepth 1 -name '[0-9]*' -printf '%f\n' 2>/dev/null | sort -rn
}

# Moves the record of the open change to the other records, for `forget`.
keep() {
  [ -s "$open/begun" ] || return 0
  last=$(numbers | head -n 1)
  mv "$open" "$records/$((${last:-0} + 1))" && sync "$records"
}

# $1: the id of a change. Another operator may have ended this change.
end() {
  if [ "$(open_id)" = "$1" ]; then
    claim "$1" >/dev/null && keep && tidy || return
  fi
  echo end
}

made() {
  spared=sudo
  fact_of_open_change
  for record in $([ "$(open_id)" = - ] || echo "$open") $(numbers | sed "s|^|$records/|"); do
    read -r user <"$record/user"
    while read -r step; do
      case $step in
        packages) what=$(own_packages | tr '\n' ' ') ;;
        installer) what=$([ -x /nix/nix-installer ] && echo /nix/nix-installer || echo -) ;;
        sudo) what=$(rule_in_record) ;;
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
  foreign_roots | while read -r each; do fact used "$each"; done
  echo end
}

# Prints the roots for garbage collection that are not those of NixFleet.
foreign_roots() {
  find /nix/var/nix/profiles /nix/var/nix/gcroots -type l -lname '/nix/store/*' 2>/dev/null |
    grep -v -e '^/nix/var/nix/profiles/nixfleet/' -e '^/nix/var/nix/gcroots/nixfleet-' |
    while read -r each; do
      # An empty profile, which some versions of Nix make, uses nothing.
      [ "$(find "$each/" -mindepth 1 ! -name manifest.nix ! -name manifest.json 2>/dev/null)" = "" ] ||
        echo "$each"
    done
}
