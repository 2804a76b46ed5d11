# shellcheck shell=sh
# Prints the packages, holds, package sources and pins of the host. Each line begins with a word. The lines
# after `file PATH` that begin with a space are the text of the file. Reads only files that the user may read,
# and changes nothing.
facts none
command -v apt-mark >/dev/null || { echo "none"; exit 0; }
printf 'architecture %s\n' "$(dpkg --print-architecture)"
# shellcheck disable=SC2016
dpkg-query --show --showformat \
  '${db:Status-Status} ${Package} ${Architecture} ${Priority} ${Essential}\n' | sed -n 's/^installed /installed /p'
apt-mark showmanual | sed 's/^/manual /'
apt-mark showhold | sed 's/^/held /'
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources \
  /etc/apt/preferences /etc/apt/preferences.d/*; do
  [ -f "$file" ] || continue
  if [ ! -r "$file" ]; then
    printf 'unreadable %s\n' "$file"
  elif [ "$(wc -c <"$file")" -gt 100000 ]; then
    printf 'large %s\n' "$file"
  else
    printf 'file %s\n' "$file"
    sed 's/^/ /' "$file"
    echo
  fi
done
for file in /etc/apt/trusted.gpg /etc/apt/trusted.gpg.d/*; do
  if [ -f "$file" ]; then printf 'trusted %s\n' "$file"; fi
done
