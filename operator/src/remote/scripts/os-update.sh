# shellcheck shell=sh
# $1: the fingerprint of the plan that was shown. $2: who asks. $3: the run. $4: the activator.
facts none
fingerprint=$1 who=$2 run=$3 program=$4
shift 4
as_root "$program" os-update --json --expect "$fingerprint" --by "$who" --run "$run" \
  --login "${LOGNAME:-$(id -un)}" --connection "${SSH_CONNECTION:-}" "$@"
