# Completions of nixfleet for fish. The program says what a word can become.
function __nixfleet_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l found ($words[1] __complete -- $words[2..-1] "$current" 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path "$current"
    end
end
complete --command nixfleet --no-files --keep-order --arguments '(__nixfleet_complete)'
