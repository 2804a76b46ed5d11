# shellcheck shell=sh disable=SC2154
profile=/nix/var/nix/profiles/nixfleet
# The newest activator that acted here; a host that only an older NixFleet has seen, or that lost it, has that of its
# generation.
{ activator=$(readlink "$profile/activator" 2>/dev/null) && [ -x "$activator" ]; } ||
  { activator=$(readlink "$profile/system/activate" 2>/dev/null) && [ -x "$activator" ]; } || activator=none
facts "$activator"
