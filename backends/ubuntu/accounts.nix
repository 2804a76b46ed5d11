# Users and groups, as Debian's tools will create them.
{
  accountMistakes,
  known,
  lib,
  types,
}:
let
  inherit (accountMistakes) managed;

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

  # A new user whose group has the same name creates the group as well.
  own = users: lib.filterAttrs (name: user: user.group == name) (managed users);

  declared = intent: own intent.users // intent.groups;

  # A name that no new group may have must be that of an existing group. Only the host can check it.
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
      why = "it is neither in nixfleet.groups nor one of the groups that every Debian and Ubuntu has; a declared group is taken as it is where the host has it, and created where not";
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
