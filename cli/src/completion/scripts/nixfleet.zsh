#compdef nixfleet
# Completions of nixfleet for zsh. The program says what a word can become.
_nixfleet() {
  local -a found lines
  local line
  lines=("${(@f)$(${words[1]} __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  for line in $lines; do
    found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
  done
  if (( ${#found} )); then
    _describe -V nixfleet found
  else
    _files
  fi
}
if [[ ${funcstack[1]-} == _nixfleet ]]; then
  _nixfleet "$@"
else
  compdef _nixfleet nixfleet
fi
