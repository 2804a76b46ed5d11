# Adds to Nix's error trace which fleet, host and option are being evaluated. The command line reads the
# trace, so that it can show the host and the option for every error in a user's module.
#
# The command line shows the option whose evaluation started last, with its entries and fields. Adding the
# names to the trace takes no time unless an error occurs.
{ lib }:
let
  inherit (builtins)
    addErrorContext
    isAttrs
    mapAttrs
    ;
in
rec {
  # Adds the store path of the fleet's source tree. By this path, the command line recognizes which files in
  # the trace are the user's.
  inFleet =
    inputs:
    addErrorContext "while evaluating the fleet in `${
      inputs.self.sourceInfo or inputs.self or "an unknown place"
    }':";

  inHost = name: addErrorContext "while evaluating the host `${name}':";

  # Adds the option that is evaluated. nixpkgs adds the same words for the options that users' own modules
  # declare, so the command line shows those options too.
  inOption = loc: addErrorContext "while evaluating the option `${lib.showOption loc}':";

  inEntry = name: addErrorContext "while evaluating its entry `${name}':";

  # Adds the host to the error trace of every part of the host's configuration, because each part may be
  # evaluated at a different time.
  throughout =
    name: value:
    inHost name (
      if isAttrs value && !(value ? _type) && value.type or null != "derivation" then
        mapAttrs (_: throughout name) value
      else
        value
    );
}
