# shellcheck shell=sh
# A login that does not pass the listener of sshd: standard input and output are the connection. Only where that listener has
# more logins under way than it takes without dropping some, which any user of the host can bring about.
busy=
for _word in $(grep -ahoE '\[listener\] [0-9]+ of [0-9]+' /proc/[0-9]*/cmdline 2>/dev/null | tr ' ' :); do
  _now=${_word#*:} _most=${_word##*:}
  [ "${_now%%:*}" -lt "$_most" ] || busy=yes
done
[ -n "$busy" ] || { echo 'nixfleet: sshd is not busy' >&2; exit 1; }
as_root /usr/sbin/sshd -i
