# The users and groups of the Intent document, and the mistakes in their declarations.
{
  known,
  lib,
  types,
}:
let
  inherit (types) problem;

  # The groups that exist on every Debian and Ubuntu host: those in group.master of the package base-passwd,
  # and those that systemd creates.
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

  # The users that NixFleet manages. root belongs to the distribution, so only its SSH keys can be declared.
  managed = users: removeAttrs users [ "root" ];

  # The users whose group has their own name. The host creates such a group together with the user.
  own = users: lib.filterAttrs (name: user: user.group == name) (managed users);

  declared = intent: own intent.users // intent.groups;

  unknownGroups =
    intent: options: name: user:
    let
      # A group whose name is not allowed for new groups must already exist on the host, and only the host can
      # check that.
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

  # The mistakes of accounts that share a numeric id. The kernel treats them as one account.
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
