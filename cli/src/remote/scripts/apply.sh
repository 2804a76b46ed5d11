# shellcheck shell=sh
# $1: the closure. $2: the fingerprint of the plan that was shown. $3: who asks. $4: the run. Then --confirm-timeout=N, if
# it has to be confirmed, and --force=…, if any.
closure=$1 fingerprint=$2 who=$3 run=$4
shift 4
as_root "$closure/activate" apply --json --closure "$closure" --expect "$fingerprint" --by "$who" --run "$run" \
  --login "$(id -un)" --connection "${SSH_CONNECTION:-}" "$@"
