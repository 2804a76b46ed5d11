# `nixfleet.users.<name>`: an account for a service or for a person.
{
  lib,
  types,
  newAccount,
}:
let
  inherit (lib) mkOption;

  # The fields that a declaration may leave unset.
  open = types.shared.choices.unstatedUserField;

  # Fills in the values that a new account would have in the unset fields. The default home and shell depend
  # on whether the account is a system account. If the account exists already, it keeps its own values in the
  # unset fields. So `unstated` lists the unset fields.
  complete =
    name: stated:
    let
      user = stated // {
        system = if stated.system == null then true else stated.system;
      };
      usual = newAccount {
        inherit name;
        inherit (user) system;
      };
    in
    user
    // {
      unstated = lib.filter (field: stated.${field} == null) open;
      description = if user.description == null then "" else user.description;
      group = if user.group == null then name else user.group;
      home = if user.home == null then usual.home else user.home;
      createHome = if user.createHome == null then !user.system else user.createHome;
      shell = if user.shell == null then usual.shell else user.shell;
    };

  openssh = types.record {
    description = "a set with authorizedKeys";
    fields.authorizedKeys = mkOption {
      type = types.listOf types.publicKey;
      default = [ ];
      example = [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGw1ZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVy ada"
      ];
      description = ''
        Public keys that may log in as this user, in addition to the keys in the user's own `authorized_keys`.
      '';
    };
  };

  user = types.record {
    description = "a set that describes a user";
    inherit complete;
    elsewhere = {
      comment = "description";
      gecos = "description";
      groups = "extraGroups";
      id = "uid";
      isNormalUser = "system";
      isSystemUser = "system";
      keys = [
        "openssh"
        "authorizedKeys"
      ];
      sshKeys = [
        "openssh"
        "authorizedKeys"
      ];
    };
    fields = {
      uid = mkOption {
        type = types.nullOr types.id;
        default = null;
        defaultText = lib.literalMD "chosen by the host";
        example = 990;
        description = "The numeric id of the user.";
      };
      group = mkOption {
        type = types.nullOr types.existingAccountName;
        default = null;
        defaultText = lib.literalMD "a group with the name of the user, which is also created";
        example = "www-data";
        description = "The primary group of the user.";
      };
      extraGroups = mkOption {
        type = types.listOf types.existingAccountName;
        default = [ ];
        example = [
          "adm"
          "Debian-exim"
        ];
        description = ''
          Additional groups of the user. Memberships that were given by hand in other groups are left alone. A
          membership that this list gave ends when the group is removed from the list.
        '';
      };
      home = mkOption {
        type = types.nullOr types.path;
        default = null;
        defaultText = lib.literalMD "`/var/lib/<name>` for a system user, `/home/<name>` for others";
        example = "/srv/app";
        description = "The home directory of the user.";
      };
      createHome = mkOption {
        type = types.nullOr types.bool;
        default = null;
        defaultText = lib.literalMD "true for a user that is not a system user";
        example = true;
        description = ''
          Whether the home directory of the user must exist. A missing home directory is created, with the files that
          every new home directory gets. A home directory that belongs to another user is refused.
        '';
      };
      shell = mkOption {
        type = types.nullOr types.path;
        default = null;
        defaultText = lib.literalMD "`nologin` for a system user, `bash` for others";
        example = "/bin/sh";
        description = "The login shell of the user.";
      };
      system = mkOption {
        type = types.nullOr types.bool;
        default = null;
        defaultText = lib.literalMD "true";
        example = false;
        description = ''
          Whether the account is a system user, such as the account of a service. The id of a new system user is from
          the range for system users.
        '';
      };
      description = mkOption {
        type = types.nullOr types.comment;
        default = null;
        defaultText = lib.literalMD "empty";
        example = "Ada Lovelace";
        description = "The comment field of the account, often a person's full name.";
      };
      openssh = mkOption {
        type = openssh;
        default = {
          authorizedKeys = [ ];
        };
        example = {
          authorizedKeys = [
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGw1ZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVyZmlsbGVy ada"
          ];
        };
        description = "How the user may log in over SSH.";
      };
    };
  };
in
{
  _file = ./users.nix;

  options.nixfleet.users = mkOption {
    type = types.entries {
      description = "a set of users";
      key = types.existingAccountName;
      keyExample = "app";
      correct = lib.toLower;
      element = user;
    };
    default = { };
    example = {
      app = { };
      ada = {
        system = false;
        extraGroups = [ "sudo" ];
      };
    };
    description = ''
      Users on the host. A user that does not exist is created. The name of a new user may contain only lowercase
      letters, digits, `_` and `-`.

      A user that already exists may have any name. For such a user, an option that is not set changes nothing: the
      defaults are the values of a new account. If an option is no longer set, or the user is no longer declared,
      the account gets back the value that it had before.

      A user that NixFleet created and that is no longer declared is locked, and loses the memberships that NixFleet
      gave it. The user is never deleted, so that its id and thereby its files never pass to another user. The
      account `root` is left unchanged, except for its SSH keys.
    '';
  };
}
