# shellcheck shell=sh
# $1: the closure. $2: the fingerprint of the plan that was shown. $3: who asks.
as_root "$1/activate" apply --json --closure "$1" --expect "$2" --by "$3"
