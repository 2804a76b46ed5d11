# shellcheck shell=sh disable=SC2034,SC2154
# The rule of sudo: the step `sudo`.

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
  visudo --check || return
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
