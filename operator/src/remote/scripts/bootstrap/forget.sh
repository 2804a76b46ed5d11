# shellcheck shell=sh disable=SC2034,SC2154
# The undo of earlier changes.

# $1: a step. Fails if somebody has begun to use the result of the step since the plan.
is_unused() {
  case $1 in packages | installer) roots=$(foreign_roots | tr '\n' ' ') ;; *) return 0 ;; esac
  [ -n "$roots" ] || return 0
  echo "nixfleet: undo $1" >&2
  echo "these roots for garbage collection are not of NixFleet: $roots" >&2
  return 1
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
      if is_unused "$step" && undo_step "$step" </dev/null >&2; then
        printf 'undone %s\n' "$step"
        grep -vxF -e "$step" "$record/begun" >"$record/begun.new"
        mv "$record/begun.new" "$record/begun" && rm -rf "$record/undo/$step"
      else
        printf 'left %s\n' "$step"
        errors_after "nixfleet: undo $step"
        return 1
      fi
    done
  done <"$run/steps"
  for number in $(numbers); do
    # The host key stays, because others have recorded it.
    grep -qvxF -e host-key "$records/$number/begun" || rm -rf "${records:?}/$number"
  done
}

forget() {
  claim "$1" || return 0
  shift
  keep && prepare && printf '%s\n' "$@" >"$run/steps" || return
  in_unit forget-steps
}
