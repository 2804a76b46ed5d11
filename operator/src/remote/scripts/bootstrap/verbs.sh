# shellcheck shell=sh disable=SC2034,SC2154
# The verbs of the program.

case ${1-} in
  facts) facts "$2" ;;
  change)
    shift
    change "$@"
    ;;
  undo) if [ -e "$run/begun" ]; then in_unit undo-steps; else echo end; fi ;;
  end) end ;;
  made) made ;;
  forget)
    shift
    forget "$@"
    ;;
  # These run in the unit.
  steps) steps ;;
  undo-steps) undo ;;
  forget-steps) forget_steps ;;
  *) exit 64 ;;
esac
