# shellcheck shell=sh disable=SC2034,SC2154
# The verbs of the program.

case ${1-} in
  facts) facts "$2" ;;
  change)
    shift
    change "$@"
    ;;
  undo) undo_change "$2" ;;
  end) end "$2" ;;
  made) made ;;
  forget)
    shift
    forget "$@"
    ;;
  simulate)
    shift
    simulate "$@"
    ;;
  # These run in the unit.
  steps) steps ;;
  undo-steps) undo ;;
  forget-steps) forget_steps ;;
  # apt runs this.
  guard) guard <&3 ;;
  *) exit 64 ;;
esac
