# Where an evaluation stands, said to Nix, which puts it into the trace of an error. The command line reads it there, so that
# whatever a user's module throws has a host and an option.
#
# An option is the last that was begun, with the entries and fields of it that follow. Their names cost nothing where
# nothing is wrong.
{ lib }:
let
  inherit (builtins)
    addErrorContext
    isAttrs
    mapAttrs
    ;
in
rec {
  # The store path of the source tree that the fleet stands in, so that the files of a user are told from those of others.
  inFleet =
    inputs:
    addErrorContext "while evaluating the fleet in `${
      inputs.self.sourceInfo or inputs.self or "an unknown place"
    }':";

  inHost = name: addErrorContext "while evaluating the host `${name}':";

  # nixpkgs says the same of options in a user's own modules.
  inOption = loc: addErrorContext "while evaluating the option `${lib.showOption loc}':";

  inEntry = name: addErrorContext "while evaluating its entry `${name}':";

  # A whole configuration of a host, of which others may take any part at any time.
  throughout =
    name: value:
    inHost name (
      if isAttrs value && !(value ? _type) && value.type or null != "derivation" then
        mapAttrs (_: throughout name) value
      else
        value
    );
}
