# shellcheck shell=sh
# $1: a generation, or `previous`. $2: the fingerprint of the plan that was shown. $3: who asks. $4: the run.
# $5: the activator. Then --confirm-timeout=N, if it has to be confirmed, and --force=…, if any.
facts none
to=$1 fingerprint=$2 who=$3 run=$4 program=$5
shift 5
as_root "$program" rollback --json --to "$to" --expect "$fingerprint" --by "$who" --run "$run" \
  --login "${LOGNAME:-$(id -un)}" --connection "${SSH_CONNECTION:-}" "$@"
