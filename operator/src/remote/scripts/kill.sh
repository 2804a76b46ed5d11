# shellcheck shell=sh disable=SC2016
# $1: a process, which is root's where $2 is sudo. It ends, and with it what it has started.
root=$2
read -r state <"/proc/$1/stat" || exit 0
# After the name, which may be anything: its state, its parent, its group.
state=${state##*) }
state=${state#* * }
group=${state%% *}
if [ -n "$root" ]; then exec sudo -n -- /bin/sh -c 'kill -s TERM -- "-$1"' nixfleet "$group"; fi
kill -s TERM -- "-$group"
