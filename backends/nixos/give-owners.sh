# shellcheck shell=bash
# A part of the activation script of NixOS. It gives paths that NixFleet manages to users and groups that NixOS
# has just created. NixFleet sets the variable to the path of its activator while it activates a system.
if [ -n "${NIXFLEET_GIVE_OWNERS:-}" ]; then
  "$NIXFLEET_GIVE_OWNERS" give-owners
fi
