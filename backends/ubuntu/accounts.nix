# The users and groups of the Intent document, and the mistakes in their declarations.
{
  accountMistakes,
  known,
  lib,
  types,
}:
let
  inherit (accountMistakes) managed;

  # The groups that exist on every Debian and Ubuntu host: the groups in group.master of the package
  # base-passwd, and the groups that systemd creates.
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

  # The users whose group has the same name as the user. The host creates such a group together with the user.
  own = users: lib.filterAttrs (name: user: user.group == name) (managed users);

  declared = intent: own intent.users // intent.groups;

  # Whether a group exists. NixFleet cannot create a group whose name `accountName` rejects, but the group may
  # already exist on the host. Only the host can check that, so such a group counts as existing here.
  exists =
    intent: group:
    distribution ? ${group} || declared intent ? ${group} || !types.accountName.accepts group;

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
    accountMistakes.unknownGroups {
      inherit intent options;
      exists = exists intent;
      why = "the group is neither in nixfleet.groups nor on every Debian and Ubuntu; if the host already has it, declare it anyway: NixFleet creates only missing groups";
      instead = _: group: "nixfleet.groups.${group} = { };";
    }
    ++ accountMistakes.always { inherit intent options; };

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
