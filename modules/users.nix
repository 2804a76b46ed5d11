# `nixfleet.users.<name>`: an account for a service or for a person.
{
  lib,
  types,
  newAccount,
}:
let
  inherit (lib) mkOption;

  # The fields that may be left unset.
  open = types.shared.choices.unstatedUserField;

  # Fills in the values that a new account would have in the unset fields. The home and the shell depend on
  # whether it is a system account. An existing account keeps its own values, so `unstated` lists the unset
  # fields.
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
      description = "Public keys that may log in as this user, beside those in the user's own `authorized_keys`.";
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
        description = "The numeric id.";
      };
      group = mkOption {
        type = types.nullOr types.existingAccountName;
        default = null;
        defaultText = lib.literalMD "a group with the name of the user, which is created too";
        example = "www-data";
        description = "The primary group.";
      };
      extraGroups = mkOption {
        type = types.listOf types.existingAccountName;
        default = [ ];
        example = [
          "adm"
          "Debian-exim"
        ];
        description = ''
          Further groups. Memberships in other groups, given by hand, are left alone; those given here are taken away with
          the line that gave them.
        '';
      };
      home = mkOption {
        type = types.nullOr types.path;
        default = null;
        defaultText = lib.literalMD "`/var/lib/<name>` for a system user, `/home/<name>` for others";
        example = "/srv/app";
        description = "The home directory.";
      };
      createHome = mkOption {
        type = types.nullOr types.bool;
        default = null;
        defaultText = lib.literalMD "true for a user that is no system user";
        example = true;
        description = ''
          Whether the user has to have its home directory. Where it is missing it is created, with what
          every new home gets; one that belongs to somebody else is refused.
        '';
      };
      shell = mkOption {
        type = types.nullOr types.path;
        default = null;
        defaultText = lib.literalMD "`nologin` for a system user, `bash` for others";
        example = "/bin/sh";
        description = "The login shell.";
      };
      system = mkOption {
        type = types.nullOr types.bool;
        default = null;
        defaultText = lib.literalMD "true";
        example = false;
        description = "Whether the account is for a service, with an id from the range of system users.";
      };
      description = mkOption {
        type = types.nullOr types.comment;
        default = null;
        defaultText = lib.literalMD "empty";
        example = "Ada Lovelace";
        description = "The comment field, often a person's full name.";
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
        description = "How the user may log in by SSH.";
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
      Users on the host. One that does not exist is created; its name is made of small letters, digits, `_` and `-`.

      One that exists already, whatever its name, keeps everything that is not stated: a default is that of a new account.
      What is stated comes back as it was when it is not stated any more, or the user is no longer declared.

      A user created here that is no longer declared is disabled and loses the memberships it was given. It is never
      deleted, so that no file falls into strange hands when an id is used again. The account `root` is left as it is,
      except for its SSH keys.
    '';
  };
}
