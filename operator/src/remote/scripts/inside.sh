# shellcheck shell=sh disable=SC2016
# A login that does not pass the listener of sshd: standard input and output are the connection. Only where that listener has
# more logins under way than it takes without dropping some, which any user of the host can bring about.
#
# A process may call itself what it likes: one counts only if it is root's and runs the program that is started here.
as_root /bin/sh -c '
PATH=/usr/sbin:/usr/bin:/sbin:/bin busy=
for process in /proc/[0-9]*; do
  [ -O "$process" ] && [ "$process/exe" -ef /usr/sbin/sshd ] || continue
  for word in $(grep -aoE "\[listener\] [0-9]+ of [0-9]+" "$process/cmdline" 2>/dev/null | tr " " :); do
    now=${word#*:} most=${word##*:}
    [ "${now%%:*}" -lt "$most" ] || busy=yes
  done
done
[ -n "$busy" ] || { echo "nixfleet: sshd is not busy" >&2; exit 1; }
exec /usr/sbin/sshd -i'
