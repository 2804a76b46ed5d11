# Tests of NixOS hosts. NixFleet's options and the NixOS modules of such a host are evaluated together.
{
  evalFleet,
  evalNixos,
  lib,
  mkFleet,
  nixpkgs,
  ...
}:
let
  backend = (evalFleet { }).backends.nixos;
  evaluates = value: (builtins.tryEval (builtins.deepSeq value value)).success;
  toplevelOf = host: host.config.system.build.toplevel.drvPath;

  # Returns the flake outputs of a fleet with one NixOS host. `closureOf` returns the derivation of its
  # closure.
  fleetOf =
    modules:
    mkFleet {
      hosts.db-1 = {
        addr = "db-1";
        base = "nixos";
        inherit modules;
      };
    };
  closureOf = modules: (fleetOf modules).nixfleet.hosts.db-1.toplevel;

  # Returns the Intent document of a NixOS host with this configuration and this intent.
  documentWith =
    { config, intent, ... }:
    backend.document {
      host = {
        name = "host";
        base = "nixos";
        system = "x86_64-linux";
        addr = "host.example.org";
      };
      inherit config intent;
      activator = "/activate";
    };

  # Returns the Intent document of a NixOS host that has this configuration and no option of NixFleet.
  documentOf =
    config:
    documentWith {
      inherit config;
      inherit (evalNixos [ ]) intent;
    };

  triggers =
    file:
    backend.dropIns
      (evalNixos [
        {
          nixfleet.files."/etc/app.conf" = {
            restartUnits = [ "app.service" ];
          }
          // file;
        }
      ]).intent;
in
{
  "roles and NixOS modules stand side by side" = {
    expr =
      let
        host = evalNixos [
          {
            services.nginx.enable = true;
            nixfleet.users.nginx.extraGroups = [ "adm" ];
            nixfleet.files."/etc/nginx/site.conf" = {
              text = "x";
              owner = "nginx";
              restartUnits = [ "nginx.service" ];
            };
          }
          (
            { config, ... }:
            {
              environment.etc.hello.text = config.nixfleet.files."/etc/nginx/site.conf".text;
            }
          )
        ];
      in
      {
        mistakes = host.problems;
        inherit (host.config.users.users.nginx) isSystemUser group extraGroups;
        hello = host.config.environment.etc.hello.text;
        isSystem = lib.hasInfix "-nixos-system-host" (toplevelOf host);
      };
    expected = {
      mistakes = [ ];
      isSystemUser = true;
      group = "nginx";
      extraGroups = [ "adm" ];
      hello = "x";
      isSystem = true;
    };
  };

  "a user that NixOS declares as a person stays one" = {
    expr =
      let
        host = evalNixos [
          {
            users.users.ada.isNormalUser = true;
            nixfleet.users.ada.openssh.authorizedKeys = [ "ssh-ed25519 AAAA ada" ];
          }
        ];
      in
      [
        host.config.users.users.ada.isSystemUser
        (evaluates (toplevelOf host))
      ];
    expected = [
      false
      true
    ];
  };

  "a module may add to the options of files" = {
    expr =
      let
        host = evalNixos [
          {
            options.nixfleet.files = lib.mkOption {
              type = lib.types.attrsOf (
                lib.types.submodule { options.note = lib.mkOption { type = lib.types.str; }; }
              );
            };
            config.nixfleet.files."/etc/x" = {
              text = "x";
              note = "of a module";
            };
          }
        ];
      in
      [
        host.problems
        host.intent.files."/etc/x".note
        host.config.environment.etc.x.text
      ];
    expected = [
      [ ]
      "of a module"
      "x"
    ];
  };

  "a unit restarts when the content or the rights of a file change" = {
    expr = map (file: triggers file == triggers { text = "x"; }) [
      { text = "x"; }
      { text = "y"; }
      {
        text = "x";
        mode = "0600";
      }
    ];
    expected = [
      true
      false
      false
    ];
  };

  "the host's name and system yield to those of a NixOS module" = {
    expr =
      let
        host = evalNixos [
          {
            networking.hostName = lib.mkDefault "other";
            nixpkgs.hostPlatform = lib.mkDefault "aarch64-linux";
          }
        ];
      in
      [
        host.config.networking.hostName
        (host.config.nixpkgs.hostPlatform.system or host.config.nixpkgs.hostPlatform)
      ];
    expected = [
      "other"
      "aarch64-linux"
    ];
  };

  "a mistake ends the evaluation of others too" = {
    expr =
      let
        inherit (evalNixos [ { nixfleet.files."/etc/x".text = "x"; } ]) evaluated;
        extended =
          mode:
          evaluated.extendModules {
            modules = [ { nixfleet.files."/etc/x".mode = mode; } ];
          };
      in
      [
        (evaluates (toplevelOf (extended "0600")))
        (evaluates (toplevelOf (extended "rw")))
      ];
    expected = [
      true
      false
    ];
  };

  "a host reads the configuration of another, whatever its base" = {
    expr =
      let
        fleet = evalFleet {
          hosts.web-1 = {
            addr = "web-1";
            modules = [
              (
                { hosts, ... }:
                {
                  nixfleet.files."/etc/db".text = hosts.db-1.config.networking.hostName;
                }
              )
            ];
          };
          hosts.db-1 = {
            addr = "db-1";
            base = "nixos";
            modules = [
              (
                { host, hosts, ... }:
                {
                  environment.etc.peers.text = "${host.base} ${hosts.web-1.addr}";
                }
              )
            ];
          };
        };
      in
      [
        fleet.intents.web-1.intent.files."/etc/db".text
        fleet.intents.db-1.config.environment.etc.peers.text
      ];
    expected = [
      "db-1"
      "nixos web-1"
    ];
  };

  "a closure names the system that NixOS builds, and needs it" = {
    expr =
      let
        outputs = fleetOf [ ];
        inherit (closureOf [ ]) intent;
        system = outputs.nixosConfigurations.db-1.config.system.build.toplevel;
      in
      [
        (intent.nixos.toplevel == system.outPath)
        (lib.attrNames (builtins.getContext intent.nixos.toplevel) == [ system.drvPath ])
      ];
    expected = [
      true
      true
    ];
  };

  "a closure leaves to NixOS what NixOS makes" = {
    expr =
      let
        inherit
          (closureOf [
            {
              nixfleet.packages = [ nixpkgs.legacyPackages.x86_64-linux.hello ];
              nixfleet.users.app = { };
              nixfleet.groups.team = { };
              nixfleet.files."/etc/app.conf".text = "x";
              nixfleet.files."/srv/app.conf".text = "x";
              nixfleet.systemd.units."app.service".text = "[Service]\nExecStart=/bin/a\n";
              nixfleet.healthChecks.app.unit = "app.service";
            }
          ])
          intent
          ;
      in
      {
        inherit (intent)
          base
          groups
          packages
          profile
          units
          users
          ;
        files = map (file: file.path) intent.files;
        healthChecks = map (check: check.name) intent.healthChecks;
      };
    expected = {
      base = "nixos";
      groups = [ ];
      packages = [ ];
      profile = null;
      units = [ ];
      users = [ ];
      files = [ "/srv/app.conf" ];
      healthChecks = [ "app" ];
    };
  };

  "the activation gives paths to the accounts that it creates" = {
    expr =
      let
        path = owner: { nixfleet.directories."/srv/${owner}" = { inherit owner; }; };
        user = {
          nixfleet.users.app = { };
        };
        # Options that a NixOS release has in which units create the accounts.
        units = {
          options.systemd.sysusers.enable = lib.mkEnableOption "systemd-sysusers";
          config.systemd.sysusers.enable = true;
        };
        found =
          modules:
          let
            inherit (documentWith (evalNixos modules)) nixos;
            inherit ((evalNixos modules).config.system) activationScripts;
          in
          [
            (nixos.accounts.users or [ ])
            (activationScripts ? nixfleet-owners)
          ];
      in
      {
        declared = found [
          user
          (path "app")
        ];
        superuser = found [
          user
          (path "root")
        ];
        undeclared = found [ (path "elsewhere") ];
        created-by-units = found [
          user
          (path "app")
          units
        ];
      };
    expected = {
      declared = [
        [ "app" ]
        true
      ];
      superuser = [
        [ ]
        false
      ];
      undeclared = [
        [ ]
        false
      ];
      created-by-units = [
        [ ]
        false
      ];
    };
  };

  "the engine watches only files that NixOS makes as declared" = {
    expr =
      let
        file = owner: {
          nixfleet.files."/etc/x" = {
            text = "x";
            inherit owner;
          };
        };
        user = name: {
          users.users.app = {
            inherit name;
            isSystemUser = true;
            group = "app";
          };
          users.groups.app = { };
        };
        # Options of NixOS releases that the stand-in does not have.
        overlay = {
          options.system.etc.overlay.enable = lib.mkEnableOption "the overlay";
          config.system.etc.overlay.enable = true;
        };
        units = {
          options.services.userborn.enable = lib.mkEnableOption "userborn";
          config.services.userborn.enable = true;
        };
        watched = modules: map (file: file.path) (documentWith (evalNixos modules)).nixos.declared.files;
        mistakes = modules: map (problem: problem.what) (evalNixos modules).problems;
      in
      {
        plain = watched [ (file "root") ];
        moved = watched [
          (file "root")
          { environment.etc.x.target = "y"; }
        ];
        overlay = watched [
          (file "root")
          overlay
        ];
        renamed = [
          (mistakes [
            (file "app")
            (user "web")
          ])
          (mistakes [
            (file "web")
            (user "web")
          ])
        ];
        ofOverlay = mistakes [
          (file "1000")
          overlay
        ];
        ofUnits = [
          (mistakes [
            (file "app")
            (user "app")
            units
          ])
          (mistakes [
            (file "1000")
            units
          ])
        ];
      };
    expected = {
      plain = [ "/etc/x" ];
      moved = [ ];
      overlay = [ ];
      renamed = [
        [ "/etc/x is to have the owner app, which does not exist" ]
        [ ]
      ];
      ofOverlay = [ "/etc/x is to have the owner 1000, but NixOS would take root" ];
      ofUnits = [
        [ "/etc/x is to have the owner app, but NixOS would take root" ]
        [ ]
      ];
    };
  };

  "a boot loader counts if it can boot a generation once" = {
    expr =
      map
        (
          loader:
          (documentOf {
            boot = { inherit loader; };
          }).nixos.loader
        )
        [
          { systemd-boot.enable = true; }
          { grub.enable = true; }
          {
            grub.enable = true;
            systemd-boot.enable = true;
          }
          {
            grub.enable = false;
            systemd-boot.enable = false;
          }
          { generic-extlinux-compatible.enable = true; }
          { }
        ];
    expected = [
      "systemd-boot"
      "grub"
      "systemd-boot"
      null
      null
      null
    ];
  };

  "every host recovers at boot, with the unit that every base has" = {
    expr =
      let
        inherit (evalNixos [ ]) config;
        own = file: builtins.readFile (../../activator/src/engine/recovery_unit + "/${file}");
      in
      [
        (config.systemd.units."nixfleet-recover.service".text == own "nixfleet-recover.service")
        (lib.filter (lib.hasPrefix "nixfleet") (map lib.getName config.systemd.packages))
        (documentOf { boot = { }; }).files
      ];
    expected = [
      true
      [ "nixfleet-recovery" ]
      [ ]
    ];
  };
}
