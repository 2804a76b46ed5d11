# shellcheck shell=sh disable=SC2034,SC2154
# The account of the user: the step `user`.

home_of() {
  getent passwd "$1" | cut -d: -f6
}

do_user() {
  if getent passwd "$user"; then
    echo "the user $user exists already"
    return 1
  fi
  : >"$record/undo/user/absent"
  useradd --create-home --shell /bin/bash "$user" || return
  # sshd without PAM refuses an account whose password is locked. No password matches an asterisk.
  usermod --password '*' "$user" && id -u "$user" >"$record/undo/user/uid"
}

# Prints files in the home directory of the user that did not come with the account.
own_files() {
  home=$(home_of "$user")
  [ -d "$home" ] && cd -- "$home" || return 0
  find . -xdev -type f ! -path './.ssh/*' ! -path './.cache/*' ! -name '.bash_history' -printf '%P\n' |
    while IFS= read -r file; do
      cmp -s -- "$file" "/etc/skel/$file" || printf '%s\n' "$home/$file"
    done | head -n 3
  cd /
}

undo_user() {
  [ -e "$record/undo/user/absent" ] && getent passwd "$user" >/dev/null || return 0
  if [ -e "$record/undo/user/uid" ] && ! id -u "$user" | cmp -s - "$record/undo/user/uid"; then
    echo "the user $user was created again by somebody else"
    return 1
  fi
  files=$(own_files)
  if [ -n "$files" ]; then
    echo "the user $user has files: $files"
    return 1
  fi
  # userdel refuses an account with processes. The connection that runs this script may be one.
  for _ in 1 2 3 4 5; do
    pgrep -u "$user" >/dev/null || break
    loginctl terminate-user "$user" 2>/dev/null
    sleep 1
  done
  pkill -KILL -u "$user" && sleep 1
  userdel --remove "$user"
}
