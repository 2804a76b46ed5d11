# shellcheck shell=sh disable=SC2034,SC2154
# The host key: the step `host-key`.

reload_sshd() {
  for each in ssh.service sshd.service; do
    if systemctl is-active --quiet "$each"; then
      systemctl reload "$each"
      return
    fi
  done
}

do_host_key() {
  here=$record/undo/host-key
  if [ -s "$host_key" ]; then
    echo "$host_key exists already"
    return 1
  fi
  : >"$here/absent"
  ssh-keygen -q -t ed25519 -N '' -C "root@$(uname -n)" -f "$here/key" || return
  chmod 0644 "$here/key.pub"
  cp -p "$here/key.pub" "$host_key.pub" && cp -p "$here/key" "$host_key" || return
  sync "$host_key" "$host_key.pub" || return
  rm "$here/key"
  sshd -t && reload_sshd
}

undo_host_key() {
  [ -e "$record/undo/host-key/absent" ] || return 0
  rm -f "$host_key" "$host_key.pub"
  reload_sshd
}
