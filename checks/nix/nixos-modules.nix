# Tests that NixOS modules of other projects work in a host of a fleet without changes. The modules `homes`
# and `vault` below are built like the modules of home-manager and sops-nix: they have `_class`, a key,
# options, imports, and `config` that depends on the options.
{ evalNixos, lib, ... }:
let
  # A module that is a set, as a module file such as `home-manager.nixosModules.home-manager` is.
  homes = {
    _class = "nixos";
    _file = "homes/nixos.nix";
    key = "homes/nixos.nix";
    imports = [ homesOptions ];
  };
  homesOptions =
    {
      config,
      lib,
      options,
      pkgs,
      ...
    }:
    let
      cfg = config.homes;
      home = lib.types.submodule (
        { name, ... }:
        {
          options.packages = lib.mkOption {
            type = lib.types.listOf lib.types.package;
            default = [ ];
          };
          options.username = lib.mkOption { type = lib.types.str; };
          config.username = lib.mkDefault name;
        }
      );
    in
    {
      options.homes.users = lib.mkOption {
        type = lib.types.attrsOf home;
        default = { };
      };

      config = lib.mkIf (cfg.users != { }) {
        environment.systemPackages = lib.concatMap (user: user.packages) (lib.attrValues cfg.users);
        systemd.services = lib.mapAttrs' (
          _: user:
          lib.nameValuePair "home-${user.username}" {
            wantedBy = [ "multi-user.target" ];
            serviceConfig.ExecStart = "${pkgs.busybox}/bin/true ${config.users.users.${user.username}.home}";
          }
        ) cfg.users;
        assertions = lib.mapAttrsToList (_: user: {
          assertion = config.users.users ? ${user.username} && options.users.users.isDefined;
          message = "homes.users.${user.username} is no user";
        }) cfg.users;
        warnings = lib.optional (cfg.users ? root) "root has a home already";
      };
    };

  # A module that is a function and sets a module argument, as `sops-nix.nixosModules.sops` does.
  vault =
    { config, lib, ... }:
    {
      _class = "nixos";
      options.vault.secrets = lib.mkOption {
        type = lib.types.attrsOf (
          lib.types.submodule {
            options.owner = lib.mkOption {
              type = lib.types.str;
              default = "root";
            };
          }
        );
        default = { };
      };
      config = lib.mkMerge [
        {
          users.groups.keys = lib.mkDefault { };
          _module.args.vaultPath = "/run/vault";
        }
        (lib.mkIf (config.vault.secrets != { }) {
          users.users.vault = {
            isSystemUser = true;
            group = "keys";
          };
          environment.etc."vault.json".text = builtins.toJSON {
            owners = lib.mapAttrs (_: secret: secret.owner) config.vault.secrets;
          };
        })
      ];
    };

  # A role with options of NixFleet. It reads and sets options of the modules `homes` and `vault`.
  role =
    {
      config,
      lib,
      pkgs,
      vaultPath,
      ...
    }:
    {
      nixfleet.users.ada.system = false;
      nixfleet.users.app.extraGroups = [ "keys" ];
      nixfleet.packages = [ pkgs.hello ];
      nixfleet.files."/etc/app.conf" = {
        text = "secrets = ${vaultPath}\nvault = ${config.users.users.vault.group}\n";
        owner = "app";
        restartUnits = [ "home-ada.service" ];
      };
      nixfleet.files."/srv/app.conf".text = lib.concatStringsSep " " (lib.attrNames config.homes.users);
      homes.users.ada.packages = [ pkgs.busybox ];
      vault.secrets.token.owner = "app";
    };

  modules = [
    homes
    vault
    role
  ];
  host = evalNixos modules;
  inherit (host) config;

  alone = evalNixos [
    homes
    vault
  ];
in
{
  "modules of other projects and roles have no mistakes together" = {
    expr = {
      mistakes = host.problems;
      warnings = config.warnings;
      assertions = lib.all (each: each.assertion) config.assertions;
    };
    expected = {
      mistakes = [ ];
      warnings = [ ];
      assertions = true;
    };
  };

  "modules of other projects have their effect" = {
    expr = {
      packages = lib.intersectLists (map lib.getName config.environment.systemPackages) [
        "busybox"
        "hello"
      ];
      service = {
        inherit (config.systemd.services.home-ada) wantedBy;
        home = lib.last (lib.splitString " " config.systemd.services.home-ada.serviceConfig.ExecStart);
      };
      vault = {
        inherit (config.users.users.vault) group isSystemUser;
        inherit (builtins.fromJSON config.environment.etc."vault.json".text) owners;
      };
    };
    expected = {
      packages = [
        "busybox"
        "hello"
      ];
      service = {
        wantedBy = [ "multi-user.target" ];
        # The home directory is that of the user `ada`, whom the role declares.
        home = "/home/ada";
      };
      vault = {
        group = "keys";
        isSystemUser = true;
        owners.token = "app";
      };
    };
  };

  "roles read what modules of other projects set, and add to their units" = {
    expr = {
      file = config.environment.etc."app.conf".text;
      outside = host.intent.files."/srv/app.conf".text;
      inherit (config.users.users.app) extraGroups;
      unit = lib.hasInfix "ExecStart=" config.systemd.units."home-ada.service".text;
      system = builtins.isString config.system.build.toplevel.drvPath;
    };
    expected = {
      file = "secrets = /run/vault\nvault = keys\n";
      outside = "ada";
      extraGroups = [ "keys" ];
      unit = true;
      system = true;
    };
  };

  "modules of other projects change nothing as long as nobody uses them" = {
    expr = {
      mistakes = alone.problems;
      users = alone.config.users.users ? vault;
      file = alone.config.environment.etc ? "vault.json";
      group = alone.config.users.groups ? keys;
    };
    expected = {
      mistakes = [ ];
      users = false;
      file = false;
      group = true;
    };
  };
}
