# `hosts.<name>.deployment`: settings for colmena in the hive of the fleet. NixFleet itself ignores them.
{ lib, types }:
let
  inherit (lib) mkOption;

  # An option of colmena that has colmena's default if it is not set.
  optional =
    { default, ... }@option:
    mkOption (
      removeAttrs option [ "default" ]
      // {
        type = types.nullOr option.type;
        default = null;
        defaultText = lib.literalMD "colmena's own default, ${default}";
      }
    );

  key = types.record {
    description = "a set that describes a key, with keyFile or keyCommand";
    fields = {
      keyFile = mkOption {
        type = types.nullOr types.path;
        default = null;
        example = "/home/ada/secrets/token";
        description = "The file with the secret on the machine that runs colmena. It must not be in the Nix store.";
      };
      keyCommand = mkOption {
        type = types.nullOr (types.listOf types.line);
        default = null;
        example = [
          "pass"
          "show"
          "token"
        ];
        description = "A command that prints the secret, which colmena runs on the machine where you start it.";
      };
      name = optional {
        type = types.label;
        default = "the name of the key";
        example = "token.txt";
        description = "The name of the file on the host.";
      };
      destDir = optional {
        type = types.path;
        default = "`/run/keys`";
        example = "/var/lib/app";
        description = "The directory of the file on the host.";
      };
      user = optional {
        type = types.owner;
        default = "`root`";
        example = "app";
        description = "The owner of the file.";
      };
      group = optional {
        type = types.owner;
        default = "`root`";
        example = "app";
        description = "The group of the file.";
      };
      permissions = optional {
        type = types.mode;
        default = "`\"0600\"`";
        example = "0640";
        description = "The mode of the file.";
      };
      uploadAt = optional {
        type = types.oneOf [
          "pre-activation"
          "post-activation"
        ];
        default = "`\"pre-activation\"`";
        example = "post-activation";
        description = "Whether colmena copies the secret before or after it activates the system.";
      };
    };
    check =
      given@{ loc, value, ... }:
      let
        here = lib.showOption loc;
        isOne = (value.keyFile == null) != (value.keyCommand == null);
        isStored = value.keyFile != null && lib.hasPrefix "${builtins.storeDir}/" value.keyFile;
        at = types.problem.at given;
      in
      lib.optional (!isOne) (
        types.problem.about [ "keyFile" "keyCommand" ] (
          at "${here} must have either keyFile or keyCommand" "colmena reads the secret from one of them"
            "${here}.keyFile = \"/home/ada/secrets/${lib.last loc}\";"
        )
      )
      ++ lib.optional isStored (
        at "${here}.keyFile is a file in the Nix store"
          "all users of a machine can read its store, and Nix copies the files of a flake into it"
          "${here}.keyFile = \"/home/ada/secrets/${lib.last loc}\";"
      );
  };

  # Colmena also has the option `text`, but a secret in it would be in the files of the fleet and the store.
  keyWithoutText = key // {
    resolve =
      loc: defs:
      let
        here = lib.showOption loc;
        texts = lib.filter (def: lib.isAttrs def.value && def.value.text or null != null) defs;
        refused =
          def:
          types.problem.make {
            loc = loc ++ [ "text" ];
            def = def // {
              parent = def.value;
              attr = "text";
            };
            what = "${here}.text is a secret in the files of the fleet";
            why = "all users of a machine can read its Nix store, which gets these files";
            example = "${here}.keyCommand = [ \"pass\" \"show\" \"${lib.last loc}\" ];";
          };
      in
      if texts == [ ] then
        key.resolve loc defs
      else
        {
          value = { };
          problems = map refused texts;
        };
  };
in
types.record {
  description = "a set with keys";
  fields.keys = mkOption {
    type = types.entries {
      description = "a set of keys";
      key = types.label;
      keyExample = "token";
      element = keyWithoutText;
    };
    default = { };
    example = {
      token = {
        keyFile = "/home/ada/secrets/token";
        user = "app";
      };
    };
    description = ''
      Secrets that colmena copies to the host, with colmena's own options. The hive of the fleet has them as
      `deployment.keys` of the host. NixFleet itself copies no keys, and they are no part of its closures. Only hosts
      of the base `nixos` can have keys.
    '';
  };
}
