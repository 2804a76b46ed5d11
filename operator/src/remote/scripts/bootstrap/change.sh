# shellcheck shell=sh disable=SC2034,SC2154
# A change of the host: its steps, and their undo.

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
