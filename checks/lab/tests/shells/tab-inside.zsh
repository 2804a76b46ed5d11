# What the zsh of tab.zsh reads: the tab key completes as ever, and then tells the file TOLD what came of it.
typeset -ga told=()
compadd() {
  # With these flags it offers nothing.
  if (( ! ${@[(I)-[OAD]]} )); then
    local -a matching
    builtin compadd -O matching "$@"
    told+=($matching)
  fi
  builtin compadd "$@"
}
complete-and-tell() {
  zle complete-word
  print -rl -- "$BUFFER" $told > $TOLD.part && mv $TOLD.part $TOLD
}
zle -N complete-and-tell
bindkey '^I' complete-and-tell
print ready > $TOLD
