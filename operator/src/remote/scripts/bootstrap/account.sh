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

# Prints files outside the home directory that belong to the user. A later account could get the id of the user,
# and with it these files. Filesystems of the network are not searched: other hosts may have given the same id to
# another user. userdel removes the mail, the end of the last login removes the files of the session, and some
# versions of Nix make directories for each user that stay empty.
other_files() {
  uid=$(id -u "$user") home=$(home_of "$user")
  df --local --output=target 2>/dev/null | sed 1d | while IFS= read -r mount; do
    find "$mount" -xdev \( -path "$home" -o -path /dev -o -path "/run/user/$uid" -o -path "/var/mail/$user" \
      -o -path "/var/spool/mail/$user" -o -path /nix/store -o -path "/nix/var/nix/*/per-user/*" \) -prune \
      -o -uid "$uid" -print 2>/dev/null
  done | head -n 3
}

undo_user() {
  [ -e "$record/undo/user/absent" ] && getent passwd "$user" >/dev/null || return 0
  if [ -e "$record/undo/user/uid" ] && ! id -u "$user" | cmp -s - "$record/undo/user/uid"; then
    echo "the user $user was created again by somebody else"
    return 1
  fi
  files=$(own_files; other_files)
  if [ -n "$files" ]; then
    echo "the user $user has files: $files"
    echo "the user stays; move these files or give them to another user: find / -user $user lists all of them"
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
