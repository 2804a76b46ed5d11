# shellcheck shell=sh disable=SC2034,SC2154
# The rule of sudo: the step `sudo`.

# sudo ignores files with a dot in their names. A percent sign is escaped too, so that no two users have the same
# file.
rule_file() {
  printf '/etc/sudoers.d/nixfleet-%s\n' "$(printf '%s' "$user" | sed 's/%/%25/g; s/\./%2e/g')"
}

# Prints the file that the step wrote. A record of an earlier version does not name it: the file of `a.b` was
# that of `a_b`.
rule_in_record() {
  cat "$record/undo/sudo/file" 2>/dev/null ||
    printf '/etc/sudoers.d/nixfleet-%s\n' "$(printf '%s' "$user" | tr . _)"
}

do_sudo() {
  here=$record/undo/sudo
  file=$(rule_file)
  printf '%s\n' "$file" >"$here/file" && sync "$here/file" || return
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
  file=$(rule_in_record)
  rm -f "$file.new"
  # A later bootstrap of another user may have replaced a file that both users had.
  if [ -e "$file" ] && ! grep -q "^$(printf '%s' "$user" | sed 's/\./\\./g') " "$file"; then return; fi
  if [ -e "$record/undo/sudo/before" ]; then
    cp -p "$record/undo/sudo/before" "$file.new" && mv "$file.new" "$file"
  else
    rm -f "$file"
  fi
}
