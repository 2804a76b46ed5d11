# Compiles `nixfleet.users` and `nixfleet.groups` to NixOS's own options `users.users` and `users.groups`.
{
  document,
  lib,
  types,
  ...
}:
let
  inherit (types) problem;
  inherit (document.accountMistakes) managed unknownGroups;

  # The priority of NixFleet's values for a new account. If a NixOS module declares the same user, NixFleet's
  # value overrides a `mkDefault` of that module. A plain value in that module overrides NixFleet's value.
  usual = lib.mkOverride 900;

  user =
    _: user:
    let
      isStated = field: !lib.elem field user.unstated;
      ifStated = field: value: lib.mkIf (isStated field) value;
    in
    { config, ... }:
    {
      # NixOS requires that exactly one of `isSystemUser` and `isNormalUser` is true.
      isSystemUser = if isStated "system" then user.system else lib.mkDefault (!config.isNormalUser);
      isNormalUser = lib.mkIf (isStated "system") (!user.system);
      uid = lib.mkIf (user.uid != null) user.uid;
      group = (if isStated "group" then lib.id else usual) user.group;
      inherit (user) extraGroups;
      home = (if isStated "home" then lib.id else usual) user.home;
      createHome = ifStated "createHome" user.createHome;
      shell = ifStated "shell" user.shell;
      description = ifStated "description" user.description;
      openssh.authorizedKeys.keys = user.openssh.authorizedKeys;
    };

  rootKeys = users: {
    openssh.authorizedKeys.keys = users.root.openssh.authorizedKeys;
  };

  # For each user whose declaration names no group: declares a group with the user's name, unless a NixOS
  # module gives the user another group.
  own =
    config: users:
    lib.mapAttrs (name: _: lib.mkIf (config.users.users.${name}.group == name) { }) (
      lib.filterAttrs (_: user: lib.elem "group" user.unstated) users
    );

  # Maps Debian's name of a group to the name that NixOS gives this group.
  otherwise.sudo = "wheel";

  ofUser =
    option: name: field: rest:
    problem.make (
      {
        loc = option.loc ++ [ name ] ++ field;
        def = types.definitionOf option name;
      }
      // rest
    );

  # NixOS aborts the evaluation at an account name of more than 31 characters. So `fitting` leaves out the
  # accounts with such a name or group. These accounts are reported as mistakes instead.
  longest = 31;
  fits = name: builtins.stringLength name <= longest;
  fitting = lib.filterAttrs (name: account: fits name && fits account.group or "");
  long =
    option: name: field: given:
    lib.optional (!fits given) (
      ofUser option name field {
        what = "${given} has ${toString (builtins.stringLength given)} characters";
        why = "NixOS allows at most ${toString longest} in the name of an account";
        example =
          if field == [ ] then
            "${lib.showOption (option.loc ++ [ (builtins.substring 0 longest given) ])} = { … };"
          else
            "${lib.showOption (option.loc ++ [ name ] ++ field)} = \"…\";";
      }
    );
  longNames =
    option: accounts: lib.concatMap (name: long option name [ ] name) (lib.attrNames accounts);
  longGroups =
    option: users:
    lib.concatLists (
      lib.mapAttrsToList (
        name: user: lib.optionals (user.group != name) (long option name [ "group" ] user.group)
      ) users
    );

  # Whether a program is in a directory that other distributions have but NixOS does not, such as
  # /usr/local/bin. NixOS has /bin only for /bin/sh.
  isElsewhere = path: path != "/bin/sh" && builtins.match "(/usr(/local)?)?/s?bin/.*" path != null;
  shell =
    option: name: user:
    let
      program = baseNameOf user.shell;
      package = { sh = "bash"; }.${program} or program;
    in
    lib.optional (!lib.elem "shell" user.unstated && isElsewhere user.shell) (
      ofUser option name [ "shell" ] {
        what = "NixOS has no ${user.shell}, and user ${name} could not log in";
        why = "of the shells in such directories, NixOS has only /bin/sh";
        example = "${
          lib.showOption (option.loc ++ [ name ])
        }.shell = \"\${pkgs.${package}}/bin/${program}\";  # or leave it to NixOS";
      }
    );
in
{
  config =
    { config, intent, ... }:
    let
      users = fitting (managed intent.users);
    in
    {
      users.users =
        lib.mapAttrs user users
        // lib.optionalAttrs (intent.users ? root) { root = rootKeys intent.users; };
      users.groups = lib.mkMerge [
        (own config users)
        (lib.mapAttrs (_: group: { gid = lib.mkIf (group.gid != null) group.gid; }) (fitting intent.groups))
      ];
    };

  problems =
    {
      config,
      intent,
      options,
      ...
    }:
    let
      inherit (options.nixfleet) groups users;
    in
    unknownGroups {
      inherit intent options;
      exists = group: config.users.groups ? ${group};
      why = "no module declares the group, and NixOS would ignore it";
      instead =
        name: group:
        if otherwise ? ${group} then
          "nixfleet.users.${name}.extraGroups = [ \"${otherwise.${group}}\" ];  # as NixOS calls it"
        else
          "nixfleet.groups.${group} = { };";
    }
    ++ longNames users intent.users
    ++ longNames groups intent.groups
    ++ longGroups users (managed intent.users)
    ++ lib.concatLists (lib.mapAttrsToList (shell users) (managed intent.users));
}
