# Completions of nixfleet for fish. The program says what a word can become.
function __nixfleet_complete
    set -l words (commandline -opc)
    set -l program (string replace --regex '^~/' "$HOME/" -- $words[1])
    # A quote that is not closed yet is no part of the word.
    set -l current (string trim --left --chars '"\'' -- (commandline -ct))
    set -l found ($program __complete -- $words[2..-1] "$current" 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path "$current"
    end
end
complete --command nixfleet --no-files --keep-order --arguments '(__nixfleet_complete)'
