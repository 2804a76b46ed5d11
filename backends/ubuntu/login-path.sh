# shellcheck shell=sh
# The packages that NixFleet manages on this host come before the distribution's own.
case ":$PATH:" in
  *:/nix/var/nix/profiles/nixfleet/system/sw/bin:*) ;;
  *) export PATH="/nix/var/nix/profiles/nixfleet/system/sw/bin:$PATH" ;;
esac
