# shellcheck shell=sh
# $1: the activator that carries the change out. $2: the run.
facts none
if [ -e "$1" ]; then
  as_root "$1" follow --json --run "$2"
else
  printf '{"schema":1,"problem":{"code":"NF-415","what":"the host has no record of this run"}}\n'
fi
