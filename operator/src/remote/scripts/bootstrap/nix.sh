# shellcheck shell=sh disable=SC2034,SC2154
# Nix and its daemon: the steps `installer` and `daemon`.

find_store() {
  store=
  for directory in /nix/var/nix/profiles/default/bin /run/current-system/sw/bin /usr/bin; do
    [ -x "$directory/nix-store" ] && store=$directory/nix-store && return
  done
}

# Asks the daemon about a path that no store has. Only a working daemon answers that the path is missing.
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
  # Without this file, the step has changed nothing.
  [ -e "$record/undo/daemon/units" ] || return 0
  while read -r each enabled active; do
    # Nix, with its units, may have been removed since.
    [ "$(systemctl show --property LoadState --value "$each")" = loaded ] || continue
    [ "$enabled" = enabled ] || systemctl disable "$each" || return
    [ "$active" = active ] || systemctl stop "$each" || return
  done <"$record/undo/daemon/units"
}
