# Users and groups, as Debian's tools will create them.
{
  known,
  lib,
  types,
}:
let
  inherit (types) problem;

  # The groups of every Debian and Ubuntu: group.master of the package base-passwd, and those of systemd.
  distribution = lib.genAttrs [
    "root"
    "daemon"
    "bin"
    "sys"
    "adm"
    "tty"
    "disk"
    "lp"
    "mail"
    "news"
    "uucp"
    "man"
    "proxy"
    "kmem"
    "dialout"
    "fax"
    "voice"
    "cdrom"
    "floppy"
    "tape"
    "sudo"
    "audio"
    "dip"
    "www-data"
    "backup"
    "operator"
    "list"
    "irc"
    "src"
    "shadow"
    "utmp"
    "video"
    "sasl"
    "plugdev"
    "staff"
    "games"
    "users"
    "nogroup"
    "systemd-journal"
    "systemd-network"
  ] (_: { });

  # root belongs to the distribution; only its SSH keys can be declared.
  managed = users: removeAttrs users [ "root" ];

  # A new user whose group has the same name creates the group as well.
  own = users: lib.filterAttrs (name: user: user.group == name) (managed users);

  declared = intent: own intent.users // intent.groups;

  unknownGroups =
    intent: options: name: user:
    let
      # A name that no new group may have must be that of an existing group. Only the host can check it.
      exists =
        group: distribution ? ${group} || declared intent ? ${group} || !types.accountName.accepts group;
      ofField =
        field: group:
        problem.make {
          loc = [
            "nixfleet"
            "users"
            name
            field
          ];
          def = types.definitionOf options.nixfleet.users name;
          what = "user ${name} is to be in the group ${group}, which does not exist";
          why = "it is neither in nixfleet.groups nor one of the groups that every Debian and Ubuntu has; NixFleet creates a declared group only if the host does not have it";
          example = "nixfleet.groups.${group} = { };";
        };
    in
    lib.optional (!exists user.group) (ofField "group" user.group)
    ++ map (ofField "extraGroups") (lib.filter (group: !exists group) user.extraGroups);

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

  # Two names with one id are one account for the kernel.
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
  userFields = known [
    "createHome"
    "description"
    "extraGroups"
    "group"
    "home"
    "shell"
    "system"
    "uid"
    "unstated"
  ];
in
{
  problems =
    { intent, options }:
    lib.concatLists (lib.mapAttrsToList (unknownGroups intent options) (managed intent.users))
    ++ lib.optionals (intent.users ? root) (rootChanged options.nixfleet.users)
    ++ sameId options.nixfleet.users "uid" intent.users
    ++ sameId options.nixfleet.groups "gid" intent.groups;

  groups =
    intent:
    lib.mapAttrsToList (name: group: {
      inherit name;
      inherit (group) gid;
    }) intent.groups;

  users =
    intent:
    lib.mapAttrsToList (name: user: userFields user // { inherit name; }) (managed intent.users);
}
