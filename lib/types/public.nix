# The option types for modules of users: `nixfleet.lib.types`, see docs/reference/option-types.md.
#
# A mistake in an option of such a type is reported with all others of the fleet. It is thrown at once if the value is
# used earlier, or inside a nixpkgs type such as attrsOf.
{ lib }:
let
  types = import ./. { inherit lib; };

  thrown =
    type:
    type
    // {
      merge =
        loc: defs:
        let
          inherit (type.resolve loc defs) problems value;
        in
        if problems == [ ] then
          value
        else
          throw (
            types.problem.render {
              root = null;
              inherit problems;
            }
          );
    }
    // lib.optionalAttrs (type ? functor) {
      # The result of merging with another declaration is one of these types, too.
      typeMerge =
        functor:
        let
          merged = type.typeMerge functor;
        in
        if merged == null then null else thrown merged;
    };

  makers =
    lib.mapAttrs
      (
        _: make: argument:
        thrown (make argument)
      )
      {
        inherit (types)
          durationBetween
          entries
          intBetween
          listOf
          matching
          nullOr
          oneOf
          record
          ;
      };
in
makers
// lib.mapAttrs (_: thrown) {
  inherit (types)
    accountName
    address
    argument
    bool
    fileSource
    hostName
    httpUrl
    id
    label
    line
    managedPath
    mode
    owner
    package
    path
    port
    publicKey
    sections
    string
    tag
    text
    unitName
    ;
}
// {
  # Functions for a record check to report a mistake.
  problem = {
    inherit (types.problem) about at;
  };
}
