#compdef nixfleet
# Completions of nixfleet for zsh. The program says what a word can become.
_nixfleet() {
  local -a lines offered shown
  local line word meaning tab=$'\t' program=${(Q)words[1]/#\~\//$HOME/}
  lines=("${(@f)$($program __complete -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
  for line in $lines; do
    word=${line%%$tab*} meaning=${line#*$tab}
    offered+=("$word")
    shown+=("$word${meaning:+  -- $meaning}")
  done
  if (( ${#offered} )); then
    # In this order, which `_describe` would not keep where words mean the same.
    compadd -l -V nixfleet -d shown -a offered
  else
    _files
  fi
}
if [[ ${funcstack[1]-} == _nixfleet ]]; then
  _nixfleet "$@"
else
  compdef _nixfleet nixfleet
fi
