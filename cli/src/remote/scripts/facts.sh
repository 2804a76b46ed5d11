# shellcheck shell=sh disable=SC2154
profile=/nix/var/nix/profiles/nixfleet/system
activator=$(readlink "$profile/activate" 2>/dev/null) || activator=none
facts "$activator"
