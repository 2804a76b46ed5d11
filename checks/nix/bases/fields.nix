# Tests that the rows, which ./default.nix explains, set every field of every option family. Each field that a
# row sets must have an effect: without the field, the result of the row on each base is different.
world:
let
  inherit (world) evalFleet lib nixpkgs;
  inherit (import ./hosts.nix world) onNixos onUbuntu;
  rows = import ./rows.nix world;

  # The paths of all fields. A field is an option of a host's intent that has no options below it, such as [
  # "files" "<name>" "mode" ].
  fields = lib.filter (path: !lib.any (lib.hasPrefix "${key path}.") (map key paths)) paths;
  paths = map (option: lib.tail option.loc) (
    lib.optionAttrSetToDocList' [ ] {
      inherit ((evalFleet { hosts.host.addr = "host"; }).intents.host.options) nixfleet;
    }
  );
  key = lib.concatStringsSep ".";

  contentOf =
    module:
    (if lib.isFunction module then module { pkgs = nixpkgs.legacyPackages.x86_64-linux; } else module)
    .nixfleet;

  # Returns the paths that exist in `value` and match the path of a field, in which `<name>` stands for any
  # name.
  matching =
    value: path:
    if path == [ ] then
      [ [ ] ]
    else if !lib.isAttrs value then
      [ ]
    else
      lib.concatMap (name: map (rest: [ name ] ++ rest) (matching value.${name} (lib.tail path))) (
        if lib.head path == "<name>" then
          lib.attrNames value
        else
          lib.filter (name: name == lib.head path) (lib.attrNames value)
      );

  setIn = row: lib.concatMap (matching (contentOf row.module)) fields;

  without =
    path: value:
    if lib.tail path == [ ] then
      removeAttrs value path
    else
      value // { ${lib.head path} = without (lib.tail path) value.${lib.head path}; };

  # Returns the fields that can be removed from a row without a change of the result. An error is a changed
  # result.
  unseen =
    on: expected: row:
    let
      isSame =
        path:
        let
          result = on row { nixfleet = without path (contentOf row.module); };
          tried = builtins.tryEval (builtins.deepSeq result result);
        in
        tried.success && tried.value == expected;
    in
    map key (lib.filter isSame (setIn row));
in
{
  "every field of every family is in a row" = {
    expr = map key (
      lib.filter (
        path: lib.all (row: matching (contentOf row.module) path == [ ]) (lib.attrValues rows)
      ) fields
    );
    expected = [ ];
  };
}
// lib.mapAttrs' (
  name: row:
  lib.nameValuePair "on Ubuntu, each field has an effect: ${name}" {
    expr = unseen onUbuntu row.onUbuntu row;
    expected = [ ];
  }
) rows
// lib.mapAttrs' (
  name: row:
  lib.nameValuePair "on NixOS, each field has an effect: ${name}" {
    expr = unseen onNixos row.onNixos row;
    expected = row.withoutEffectOnNixos or [ ];
  }
) rows
