# Completions of nixfleet for bash. The program says what a word can become.
_nixfleet() {
  local line=${COMP_LINE:0:COMP_POINT} words word cut
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  word=${words[${#words[@]} - 1]}
  # Bash takes these for ends of words, and completes only what follows the last of them.
  cut=${word%"${word##*[@:=]}"}
  COMPREPLY=()
  while IFS=$'\t' read -r word _; do
    COMPREPLY+=("${word#"$cut"}")
  done < <("${COMP_WORDS[0]/#~\//$HOME/}" __complete -- "${words[@]:1}" 2>/dev/null)
  # A list may go on, and a flag may want its value right here.
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
    compopt -o nospace 2>/dev/null
  fi
}
complete -o bashdefault -o default -o nosort -F _nixfleet nixfleet
