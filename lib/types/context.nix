# Adds the position of an evaluation to the error trace of Nix. The command line reads it there, so that any
# error in a user's module has a host and an option.
#
# An option is the last one that was started, with its entries and fields. These names cost nothing unless an
# error occurs.
{ lib }:
let
  inherit (builtins)
    addErrorContext
    isAttrs
    mapAttrs
    ;
in
rec {
  # The store path of the fleet's source tree, which tells files of the user from others.
  inFleet =
    inputs:
    addErrorContext "while evaluating the fleet in `${
      inputs.self.sourceInfo or inputs.self or "an unknown place"
    }':";

  inHost = name: addErrorContext "while evaluating the host `${name}':";

  # nixpkgs uses the same words for options in a user's own modules.
  inOption = loc: addErrorContext "while evaluating the option `${lib.showOption loc}':";

  inEntry = name: addErrorContext "while evaluating its entry `${name}':";

  # A whole host configuration, parts of which may be evaluated at any time.
  throughout =
    name: value:
    inHost name (
      if isAttrs value && !(value ? _type) && value.type or null != "derivation" then
        mapAttrs (_: throughout name) value
      else
        value
    );
}
