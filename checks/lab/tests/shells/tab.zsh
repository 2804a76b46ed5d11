# Presses the tab key behind a line in an interactive zsh. Prints what the line became, then each word that was offered.
#
#   zsh -f tab.zsh LINE [BEGIN]      BEGIN: what zsh is told before
zmodload zsh/zpty zsh/zselect
export TOLD=$(mktemp)

# Waits until something is told, and lets the terminal never run full.
listen() {
  repeat 1200; do
    [[ -s $TOLD ]] && return
    zpty -r -t typed seen
    zselect -t 5
  done
  print -u2 "nothing is told: $seen"
  exit 1
}

zpty typed zsh -f -i
zpty -w typed "autoload -Uz compinit; compinit -u -D; ${2-}"
zpty -w typed ". ${0:A:h}/tab-inside.zsh"
listen
: > $TOLD
zpty -w -n typed "$1"$'\t'
listen
cat $TOLD
zpty -d typed
rm $TOLD
