# shellcheck shell=sh disable=SC2034,SC2154
# The records of changes.

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
