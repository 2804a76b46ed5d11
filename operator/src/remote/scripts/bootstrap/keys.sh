# shellcheck shell=sh disable=SC2034,SC2154
# The public keys of the user: the step `keys`.

# Runs a script with the rights of the user, so that no link of the user leads to a file of somebody else.
# Standard input: the keys, one a line.
as_user() {
  runuser -u "$user" -- /bin/sh -c "umask 077; cd -- \"\$1\" || exit; $1" sh "$(home_of "$user")" \
    <"$record/authorized_keys"
}

# shellcheck disable=SC2016
do_keys() {
  here=$record/undo/keys
  # A pipe would stop the program.
  if ! as_user '[ -f .ssh/authorized_keys ] || [ ! -e .ssh/authorized_keys ]'; then
    echo "$(home_of "$user")/.ssh/authorized_keys is not a file"
    return 1
  fi
  as_user '[ -d .ssh ]' && : >"$here/directory"
  as_user '[ -e .ssh/authorized_keys ]' && : >"$here/file"
  as_user '[ -n "$(tail -c 1 .ssh/authorized_keys 2>/dev/null)" ]' && : >"$here/unterminated"
  as_user '
    mkdir -p .ssh || exit
    file=.ssh/authorized_keys
    if [ -n "$(tail -c 1 "$file" 2>/dev/null)" ]; then echo >>"$file" || exit; fi
    while IFS= read -r key; do
      [ -z "$key" ] || printf "%s\n" "$key" >>"$file" || exit
    done'
}

# shellcheck disable=SC2016
undo_keys() {
  here=$record/undo/keys
  getent passwd "$user" >/dev/null || return 0
  # The file is replaced at once, so a full disk or a power cut leaves the keys of others in place.
  as_user '
    file=.ssh/authorized_keys
    [ -f "$file" ] || exit 0
    grep -vxF -f - "$file" >"$file.nixfleet"
    if [ $? -gt 1 ]; then rm -f "$file.nixfleet"; exit 1; fi
    chmod --reference="$file" "$file.nixfleet"' || return
  if [ -e "$here/unterminated" ]; then
    as_user 'truncate --no-create --size=-1 .ssh/authorized_keys.nixfleet' || return
  fi
  as_user '
    file=.ssh/authorized_keys
    [ ! -e "$file.nixfleet" ] || { sync "$file.nixfleet" && mv "$file.nixfleet" "$file"; }' || return
  if [ ! -e "$here/file" ]; then as_user '[ -s .ssh/authorized_keys ] || rm -f .ssh/authorized_keys' || return; fi
  if [ ! -e "$here/directory" ]; then as_user '[ -e .ssh/authorized_keys ] || rmdir .ssh' || return; fi
}
