# shellcheck shell=sh disable=SC2034,SC2154
# A change of the host: its steps, and their undo.

is_running() {
  systemctl is-active --quiet "$unit"
}

# Prints the id of the open change.
open_id() {
  if [ -s "$open/begun" ]; then cat "$open/id" || echo unknown; else echo -; fi
}

# Prints the operator of the open change.
owner() {
  cat "$open/owner" 2>/dev/null || echo another operator
}

# $1: the id of the open change that the operator knows of. Fails if another command is working on the host,
# or if another change is open, or if this change is not open. The lock is released when the program ends, but
# the unit that runs the steps may outlive the program.
claim() {
  exec 9>"$run.lock" || return
  if flock --wait 10 9 && ! is_running; then
    case $(open_id) in
      "$1") return ;;
      # A change that was begun and ended has a record, or `forget` has undone it.
      -) if ! is_recorded "$1"; then echo gone && return 1; fi ;;
    esac
  fi
  printf 'busy %s\n' "$(owner)"
  return 1
}

# $1: the id of a change.
is_recorded() {
  for number in $(numbers); do
    if [ "$(cat "$records/$number/id")" = "$1" ]; then return; fi
  done
  return 1
}

# $1: what the unit does. The steps survive a lost connection, because they run in a unit of systemd.
in_unit() {
  : >"$run/said"
  : >"$run/errors"
  systemd-run --quiet --collect --wait --unit="$unit" \
    --property=StandardOutput="file:$run/said" --property=StandardError="file:$run/errors" \
    -- /bin/sh "$run/program" "$1" 2>"$run/unit"
  cat "$run/said"
  sed 's/^/error /' "$run/unit"
  echo end
  tidy
}

# Makes the directory in which the unit finds its program.
prepare() {
  rm -rf "$run"
  mkdir -m 0700 "$run" && cp -- "$0" "$run/program"
}

# Removes everything that no undo needs any more.
tidy() {
  rm -rf "$run"
  [ -s "$open/begun" ] || rm -rf "$open"
  rmdir "$records" "${records%/*}" 2>/dev/null
  return 0
}

change() {
  claim "$2" || return 0
  keep && prepare || return
  if [ -s "${0%/*}/installer" ]; then cp -- "${0%/*}/installer" "$run/installer" || return; fi
  (umask 077 && mkdir -p "$records" && rm -rf "$open" && mkdir "$open") || return
  printf '%s\n' "$1" >"$open/id"
  printf '%s\n' "$3" >"$open/owner"
  printf '%s\n' "$4" >"$open/user"
  printf '%s\n' "$5" >"$open/authorized_keys" && sync "$open"/* || return
  shift 5
  : >"$run/arguments" && : >"$run/upgrades" || return
  for each; do
    case $each in
      "argument "*) printf '%s\n' "${each#argument }" >>"$run/arguments" ;;
      "upgrade "*) printf '%s\n' "${each#upgrade }" >>"$run/upgrades" ;;
      *) printf '%s\n' "$each" >>"$run/steps" ;;
    esac
  done
  in_unit steps
}

# $1: the id of the change.
undo_change() {
  claim "$1" || return 0
  prepare && in_unit undo-steps
}

# $1: a step. Its undo must be recorded before the step begins.
begin() {
  mkdir -p "$record/undo/$1" && printf '%s\n' "$1" | cat - "$record/begun" >"$record/begun.new" &&
    sync "$record/begun.new" && mv "$record/begun.new" "$record/begun" && sync "$record"
}

# Runs in the unit.
steps() {
  read -r user <"$record/user"
  find_store
  : >"$record/begun"
  while read -r step argument; do
    if begin "$step" && do_step "$step" "$argument" </dev/null >&2; then
      printf 'done %s\n' "$step"
    else
      printf 'failed %s\n' "$step"
      errors_after "nixfleet: $step"
      undo
      return 1
    fi
  done <"$run/steps"
  # The age of the open change counts from here.
  touch "$record/begun"
}

# Runs in the unit. The steps that began last are undone first. The record of steps that cannot be undone
# stays, for `forget`.
undo() {
  read -r user <"$record/user"
  : >"$record/left"
  while read -r step; do
    if undo_step "$step" </dev/null >&2; then
      printf 'undone %s\n' "$step"
    else
      printf 'left %s\n' "$step"
      printf '%s\n' "$step" >>"$record/left"
    fi
  done <"$record/begun"
  mv "$record/left" "$record/begun" && keep
}

# $1: a line of the errors. Prints the last lines after this line. It may be the first line, and the address
# `1,` would not find it there.
errors_after() {
  sed "0,/^$1\$/d" "$run/errors" | tail -n 12 | sed 's/^/error /'
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
  if [ -z "$user" ]; then
    echo "the record of the bootstrap does not name the user" >&2
    return 1
  fi
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
