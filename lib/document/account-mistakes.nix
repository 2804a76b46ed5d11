# Mistakes in users and groups that only the whole configuration of a host shows.
{ lib, types }:
let
  inherit (types) problem;

  # The users that NixFleet manages. root belongs to the distribution, so only its SSH keys can be declared.
  managed = users: removeAttrs users [ "root" ];

  rootChanged =
    option:
    let
      says =
        def:
        let
          root = def.value.root or { };
        in
        !(root ? _type) && removeAttrs root [ "openssh" ] != { };
    in
    map (
      def:
      problem.make {
        loc = option.loc ++ [ "root" ];
        def = def // {
          parent = def.value;
          attr = "root";
        };
        what = "nixfleet.users.root sets more than SSH keys";
        why = "the account root belongs to the distribution, and a mistake in it could lock out every user";
        example = "nixfleet.users.root.openssh.authorizedKeys = [ \"ssh-ed25519 AAAA…\" ];";
      }
    ) (lib.filter says option.definitionsWithLocations);

  # Reports accounts that share a numeric id, because the kernel treats them as one account.
  sameId =
    option: field: accounts:
    let
      numbered = lib.filterAttrs (_: account: account.${field} != null) accounts;
      groups = lib.groupBy (name: toString numbered.${name}.${field}) (lib.attrNames numbered);
      twice = lib.filterAttrs (_: names: lib.length names > 1) groups;
    in
    lib.mapAttrsToList (
      id: names:
      problem.make {
        loc = option.loc ++ [
          (lib.last names)
          field
        ];
        def = types.definitionOf option (lib.last names);
        what = "${lib.concatStringsSep " and " names} have the same ${field}, ${id}";
        why = "they would be one account";
        example = "${lib.showOption (option.loc ++ [ (lib.last names) ])} = { };";
      }
    ) twice;
in
{
  inherit managed;

  # Reports groups that a user is in but that no module declares. `exists` says whether a group exists. `why`
  # is the reason in the message. `instead` takes the names of the user and the group, and returns the
  # corrected example for the message.
  unknownGroups =
    {
      intent,
      options,
      exists,
      why,
      instead,
    }:
    let
      ofField =
        name: field: group:
        problem.make {
          loc = [
            "nixfleet"
            "users"
            name
            field
          ];
          def = types.definitionOf options.nixfleet.users name;
          what = "user ${name} is to be in the group ${group}, which does not exist";
          inherit why;
          example = instead name group;
        };
      ofUser =
        name: user:
        lib.optional (!exists user.group) (ofField name "group" user.group)
        ++ map (ofField name "extraGroups") (lib.filter (group: !exists group) user.extraGroups);
    in
    lib.concatLists (lib.mapAttrsToList ofUser (managed intent.users));

  # The mistakes that are reported on every base.
  always =
    { intent, options }:
    lib.optionals (intent.users ? root) (rootChanged options.nixfleet.users)
    ++ sameId options.nixfleet.users "uid" intent.users
    ++ sameId options.nixfleet.groups "gid" intent.groups;
}
