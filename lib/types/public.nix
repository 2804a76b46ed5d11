# The option types for users' modules: `nixfleet.lib.types`, see docs/reference/option-types.md.
#
# A mistake in an option of such a type is reported with all other mistakes of the fleet. The mistake is
# thrown at once if the value is used before this report, or if the type is inside a nixpkgs type such as
# attrsOf.
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
    // (
      if isMerged type then
        {
          # The type that results from a merge with another declaration throws mistakes in the same way.
          typeMerge =
            functor:
            let
              merged = type.typeMerge functor;
            in
            if merged == null then null else thrown merged;
        }
      else
        {
          # Two declarations of one option can be merged if they have the same type.
          functor = {
            name = "nixfleet.${type.name}";
            inherit (type) description;
            wrapped = null;
            payload = null;
          };
          typeMerge =
            functor:
            if functor.name == "nixfleet.${type.name}" && functor.description or null == type.description then
              thrown type
            else
              null;
        }
    );
  isMerged =
    type:
    lib.elem type.name [
      "entries"
      "record"
    ];

  # Functions that make types, with checks of their arguments. A wrong argument throws an error.
  checked = {
    oneOf =
      values:
      if values != [ ] && lib.all lib.isString values then
        values
      else
        throw "nixfleet.lib.types.oneOf takes strings; for types use lib.types.oneOf";
    entries =
      given:
      if given.key ? accepts then
        given
      else
        throw "the key of nixfleet.lib.types.entries must be one of nixfleet.lib.types, such as types.label";
    record =
      given:
      let
        typeless = lib.filterAttrs (_: field: !lib.isOptionType (field.type or null)) given.fields;
        readOnly = lib.filterAttrs (_: field: field.readOnly or false) given.fields;
        first = fields: lib.head (lib.attrNames fields);
      in
      if typeless != { } then
        throw "the field ${first typeless} of a record has no type: ${first typeless} = lib.mkOption { type = …; };"
      else if readOnly != { } then
        throw "the field ${first readOnly} of a record cannot be readOnly: use complete"
      else
        given;
  };

  makers =
    lib.mapAttrs
      (
        name: make: argument:
        let
          given = (checked.${name} or lib.id) argument;
        in
        builtins.seq given (thrown (make given))
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
    linkTarget
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
  # The functions with which the function `check` of a record type reports mistakes.
  problem = {
    inherit (types.problem) about at;
  };
}
