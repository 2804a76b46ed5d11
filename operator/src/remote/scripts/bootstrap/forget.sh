# shellcheck shell=sh disable=SC2034,SC2154
# The undo of earlier changes.

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
