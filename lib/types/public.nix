# The option types for modules of users: `nixfleet.lib.types`, see docs/reference/option-types.md.
#
# A mistake in an option of such a type is told with all others of the fleet. Where a value is asked for before that, or inside
# of a type of nixpkgs' such as attrsOf, it is thrown.
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
      # What is merged with another declaration is one of these, too.
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
  # How a check of a record says what is wrong.
  problem = {
    inherit (types.problem) about at;
  };
}
