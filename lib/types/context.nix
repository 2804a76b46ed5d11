# Adds the position of an evaluation to the error trace of Nix. The command line reads the trace, so that it
# can show a host and an option for every error in a user's module.
#
# The shown option is the last one whose evaluation was started, with its entries and fields. These names cost
# nothing unless an error occurs.
{ lib }:
let
  inherit (builtins)
    addErrorContext
    isAttrs
    mapAttrs
    ;
in
rec {
  # Adds the store path of the fleet's source tree, by which the command line recognizes files of the user.
  inFleet =
    inputs:
    addErrorContext "while evaluating the fleet in `${
      inputs.self.sourceInfo or inputs.self or "an unknown place"
    }':";

  inHost = name: addErrorContext "while evaluating the host `${name}':";

  # nixpkgs uses the same words for options that users' own modules declare.
  inOption = loc: addErrorContext "while evaluating the option `${lib.showOption loc}':";

  inEntry = name: addErrorContext "while evaluating its entry `${name}':";

  # Adds the host to every part of its configuration, because any part may be evaluated at any time.
  throughout =
    name: value:
    inHost name (
      if isAttrs value && !(value ? _type) && value.type or null != "derivation" then
        mapAttrs (_: throughout name) value
      else
        value
    );
}
