# Compares, field by field, what the same intent results in on an Ubuntu host and on a NixOS host: the Intent
# document of the Ubuntu host, and the options and the Intent document of the NixOS host. Each entry of `rows`
# is evaluated on both hosts.
{
  declaredFiles,
  document,
  evalFleet,
  evalNixos,
  lib,
  ...
}:
let
  nixosBackend = (evalFleet { }).backends.nixos;

  onUbuntu = modules: document modules;
  onNixos =
    modules:
    let
      host = evalNixos modules;
    in
    {
      inherit (host) config;
      # Every test expects an empty list of mistakes, because the other results of a host with mistakes mean
      # nothing.
      mistakes = map (problem: problem.what) host.problems;
      engine = nixosBackend.document {
        host = {
          name = "host";
          base = "nixos";
          system = "x86_64-linux";
          addr = "host.example.org";
        };
        inherit (host) config intent;
        activator = "/activate";
      };
      dropIns = nixosBackend.dropIns host.intent;
    };

  rows = {
    "a file below /etc" = {
      module.nixfleet.files."/etc/app/app.conf" = {
        text = "listen = 8080\n";
        mode = "640";
        owner = "1000";
        group = "adm";
      };
      ubuntu = intent: lib.getAttrs [ "text" "mode" "owner" "group" ] (lib.head (declaredFiles intent));
      onUbuntu = {
        text = "listen = 8080\n";
        mode = "0640";
        owner = "1000";
        group = "adm";
      };
      nixos =
        { config, engine, ... }:
        lib.getAttrs [ "text" "mode" "user" "group" ] config.environment.etc."app/app.conf"
        // {
          inherit (engine) files;
        };
      onNixos = {
        text = "listen = 8080\n";
        mode = "0640";
        user = "+1000";
        group = "adm";
        files = [ ];
      };
    };

    "a file below /etc with a source" = {
      module.nixfleet.files."/etc/app.nix".source = ./bases.nix;
      ubuntu =
        intent: builtins.readFile (lib.head (declaredFiles intent)).source == builtins.readFile ./bases.nix;
      onUbuntu = true;
      nixos =
        { config, ... }:
        builtins.readFile config.environment.etc."app.nix".source == builtins.readFile ./bases.nix;
      onNixos = true;
    };

    "a file elsewhere" = {
      module.nixfleet.files."/srv/app.conf" = {
        text = "x";
        validate = [
          "/bin/check"
          "%s"
        ];
        restartUnits = [ "app.service" ];
      };
      ubuntu = intent: declaredFiles intent;
      onUbuntu = [ elsewhere ];
      nixos =
        { config, engine, ... }:
        {
          inherit (engine) files;
          etc = lib.filter (lib.hasSuffix "app.conf") (lib.attrNames config.environment.etc);
        };
      onNixos = {
        files = [ elsewhere ];
        etc = [ ];
      };
    };

    "units that a file below /etc restarts and reloads" = {
      module.nixfleet.files."/etc/app.conf" = {
        text = "x";
        restartUnits = [ "app.service" ];
        reloadUnits = [ "proxy.service" ];
      };
      ubuntu = intent: lib.getAttrs [ "restartUnits" "reloadUnits" ] (lib.head (declaredFiles intent));
      onUbuntu = {
        restartUnits = [ "app.service" ];
        reloadUnits = [ "proxy.service" ];
      };
      nixos = { dropIns, ... }: lib.mapAttrs (_: settings) dropIns;
      onNixos = {
        "etc/systemd/system/app.service.d/nixfleet-activation.conf" = [
          "[Unit]"
          "X-Restart-Triggers=/etc/app.conf"
        ];
        "etc/systemd/system/proxy.service.d/nixfleet-activation.conf" = [
          "[Unit]"
          "X-Reload-Triggers=/etc/app.conf"
        ];
      };
    };

    "links below /etc and elsewhere" = {
      module.nixfleet.links = {
        "/etc/app/current".target = "/opt/app/releases/42";
        "/opt/app/current".target = "releases/42";
      };
      ubuntu = intent: map (link: "${link.path} → ${link.target}") intent.links;
      onUbuntu = [
        "/etc/app/current → /opt/app/releases/42"
        "/opt/app/current → releases/42"
      ];
      nixos =
        { config, engine, ... }:
        {
          etc = lib.getAttrs [ "source" "mode" ] config.environment.etc."app/current";
          engine = map (link: "${link.path} → ${link.target}") engine.links;
        };
      onNixos = {
        etc = {
          source = "/opt/app/releases/42";
          mode = "direct-symlink";
        };
        engine = [ "/opt/app/current → releases/42" ];
      };
    };

    "directories and absent paths" = {
      module.nixfleet = {
        directories."/srv/app".mode = "750";
        directories."/etc/app" = { };
        absent."/etc/motd.d/10-help".reloadUnits = [ "app.service" ];
      };
      ubuntu = trees;
      onUbuntu = expectedTrees;
      nixos = { engine, ... }: trees engine;
      onNixos = expectedTrees;
    };

    "packages" = {
      module =
        { pkgs, ... }:
        {
          nixfleet.packages = [ pkgs.hello ];
        };
      ubuntu = intent: map (package: package.name) intent.packages;
      onUbuntu = [ "hello" ];
      nixos =
        { config, engine, ... }:
        {
          system = lib.filter (lib.hasPrefix "hello") (map lib.getName config.environment.systemPackages);
          inherit (engine) packages profile;
        };
      onNixos = {
        system = [ "hello" ];
        packages = [ ];
        profile = null;
      };
    };

    "a user for a service" = {
      module.nixfleet.users.app = { };
      ubuntu =
        intent: lib.getAttrs [ "system" "group" "home" "createHome" "shell" ] (lib.head intent.users);
      onUbuntu = {
        system = true;
        group = "app";
        home = "/var/lib/app";
        createHome = false;
        shell = "/usr/sbin/nologin";
      };
      nixos =
        { config, engine, ... }:
        account "app" config
        // {
          hasGroup = config.users.groups ? app;
          inherit (engine) users groups;
        };
      onNixos = {
        isSystemUser = true;
        isNormalUser = false;
        group = "app";
        home = "/var/lib/app";
        createHome = false;
        useDefaultShell = false;
        hasGroup = true;
        users = [ ];
        groups = [ ];
      };
    };

    "a person" = {
      module.nixfleet.users.ada = {
        system = false;
        uid = 1001;
        extraGroups = [ "adm" ];
        description = "Ada Lovelace";
        openssh.authorizedKeys = [ "ssh-ed25519 AAAA ada" ];
      };
      ubuntu =
        intent:
        lib.getAttrs [
          "system"
          "group"
          "home"
          "createHome"
          "uid"
          "extraGroups"
          "description"
        ] (lib.head intent.users)
        // {
          keys = map (file: file.text) (
            lib.filter (file: file.path == "/etc/ssh/nixfleet-keys/ada") intent.files
          );
        };
      onUbuntu = {
        system = false;
        group = "ada";
        home = "/home/ada";
        createHome = true;
        uid = 1001;
        extraGroups = [ "adm" ];
        description = "Ada Lovelace";
        keys = [ "ssh-ed25519 AAAA ada\n" ];
      };
      nixos =
        { config, ... }:
        account "ada" config
        // lib.getAttrs [ "uid" "extraGroups" "description" ] config.users.users.ada
        // {
          inherit (config.users.users.ada.openssh.authorizedKeys) keys;
          hasGroup = config.users.groups ? ada;
        };
      onNixos = {
        isSystemUser = false;
        isNormalUser = true;
        group = "ada";
        home = "/home/ada";
        createHome = true;
        useDefaultShell = true;
        uid = 1001;
        extraGroups = [ "adm" ];
        description = "Ada Lovelace";
        keys = [ "ssh-ed25519 AAAA ada" ];
        hasGroup = true;
      };
    };

    "what a user states" = {
      module.nixfleet = {
        users.app = {
          group = "adm";
          home = "/srv/app";
          createHome = true;
          shell = "/bin/sh";
          system = true;
        };
        groups.app.gid = 990;
      };
      ubuntu =
        intent:
        lib.getAttrs [ "group" "home" "createHome" "shell" ] (lib.head intent.users)
        // {
          inherit (intent) groups;
        };
      onUbuntu = {
        group = "adm";
        home = "/srv/app";
        createHome = true;
        shell = "/bin/sh";
        groups = [
          {
            name = "app";
            gid = 990;
          }
        ];
      };
      nixos =
        { config, ... }:
        account "app" config
        // {
          inherit (config.users.users.app) shell;
          inherit (config.users.groups.app) gid;
        };
      onNixos = {
        isSystemUser = true;
        isNormalUser = false;
        group = "adm";
        home = "/srv/app";
        createHome = true;
        useDefaultShell = false;
        shell = "/bin/sh";
        gid = 990;
      };
    };

    "the keys of root" = {
      module.nixfleet.users.root.openssh.authorizedKeys = [ "ssh-ed25519 AAAA root" ];
      ubuntu =
        intent:
        map (file: file.path) (
          lib.filter (file: lib.hasPrefix "/etc/ssh/nixfleet-keys/" file.path) intent.files
        );
      onUbuntu = [ "/etc/ssh/nixfleet-keys/root" ];
      nixos =
        { config, ... }:
        lib.getAttrs [ "uid" "home" ] config.users.users.root
        // {
          inherit (config.users.users.root.openssh.authorizedKeys) keys;
        };
      onNixos = {
        uid = 0;
        home = "/root";
        keys = [ "ssh-ed25519 AAAA root" ];
      };
    };

    "a unit that starts at boot" = {
      module.nixfleet.systemd.units."app.service".text = enabledText;
      ubuntu = intent: lib.getAttrs [ "text" "enabled" ] (lib.head intent.units);
      onUbuntu = {
        text = enabledText;
        enabled = true;
      };
      nixos =
        { config, engine, ... }:
        links config "app.service"
        // {
          inherit (config.systemd.units."app.service") text;
          inherit (engine) units;
        };
      onNixos = {
        text = enabledText;
        wantedBy = [
          "a.target"
          "b.target"
        ];
        requiredBy = [ "c.target" ];
        upheldBy = [ "d.target" ];
        aliases = [ "www.service" ];
        units = [ ];
      };
    };

    "a unit that does not start at boot" = {
      module.nixfleet.systemd.units."app.service" = {
        text = enabledText;
        enabled = false;
      };
      ubuntu = intent: (lib.head intent.units).enabled;
      onUbuntu = false;
      nixos = { config, ... }: links config "app.service";
      onNixos = {
        wantedBy = [ ];
        requiredBy = [ ];
        upheldBy = [ ];
        aliases = [ ];
      };
    };

    "a timer" = {
      module.nixfleet.systemd.units."backup.timer".sections = {
        Timer.OnCalendar = "daily";
        Install.WantedBy = "timers.target";
      };
      ubuntu = intent: lib.getAttrs [ "name" "text" "enabled" ] (lib.head intent.units);
      onUbuntu = {
        name = "backup.timer";
        text = "[Timer]\nOnCalendar=daily\n\n[Install]\nWantedBy=timers.target\n";
        enabled = true;
      };
      nixos =
        { config, dropIns, ... }:
        {
          inherit (config.systemd.units."backup.timer") text wantedBy;
          inherit dropIns;
        };
      onNixos = {
        text = "[Timer]\nOnCalendar=daily\n\n[Install]\nWantedBy=timers.target\n";
        wantedBy = [ "timers.target" ];
        dropIns = { };
      };
    };

    "drop-ins" = {
      module.nixfleet.systemd.units."cron.service".dropIns."10-limits.conf".sections.Service.MemoryMax =
        "1G";
      ubuntu = intent: (lib.head intent.units).dropIns;
      onUbuntu = [
        {
          name = "10-limits.conf";
          text = "[Service]\nMemoryMax=1G\n";
        }
      ];
      nixos =
        { config, dropIns, ... }:
        {
          inherit dropIns;
          packages = lib.filter (lib.hasPrefix "nixfleet") (map lib.getName config.systemd.packages);
          hasUnit = config.systemd.units ? "cron.service";
        };
      onNixos = {
        dropIns."etc/systemd/system/cron.service.d/10-limits.conf" = "[Service]\nMemoryMax=1G\n";
        packages = [
          "nixfleet-drop-ins"
          "nixfleet-recovery"
        ];
        hasUnit = false;
      };
    };

    "what happens to a unit that changes or goes" = {
      module.nixfleet.systemd.units = {
        "stays.service" = {
          text = "[Service]\nExecStart=/bin/a\n";
          restartIfChanged = false;
          stopIfRemoved = false;
        };
        "reloads.service" = {
          text = "[Service]\nExecStart=/bin/a\n";
          reloadIfChanged = true;
        };
      };
      ubuntu =
        intent:
        map (
          unit: lib.getAttrs [ "name" "restartIfChanged" "reloadIfChanged" "stopIfRemoved" ] unit
        ) intent.units;
      onUbuntu = [
        {
          name = "reloads.service";
          restartIfChanged = true;
          reloadIfChanged = true;
          stopIfRemoved = true;
        }
        {
          name = "stays.service";
          restartIfChanged = false;
          reloadIfChanged = false;
          stopIfRemoved = false;
        }
      ];
      nixos = { dropIns, ... }: lib.mapAttrs (_: lib.splitString "\n") dropIns;
      onNixos = {
        "etc/systemd/system/reloads.service.d/nixfleet-activation.conf" = [
          "[Service]"
          "X-StopIfChanged=false"
          "X-ReloadIfChanged=true"
          ""
        ];
        "etc/systemd/system/stays.service.d/nixfleet-activation.conf" = [
          "[Unit]"
          "X-StopOnRemoval=false"
          "[Service]"
          "X-StopIfChanged=false"
          "X-RestartIfChanged=false"
          ""
        ];
      };
    };

    "health checks and the largest file" = {
      module.nixfleet = {
        healthChecks.app.unit = "app.service";
        healthChecks.port = {
          tcp.port = 5432;
          from = "operator";
        };
        maxFileSize = 1048576;
      };
      ubuntu = checks;
      onUbuntu = expectedChecks;
      nixos = { engine, ... }: checks engine;
      onNixos = expectedChecks;
    };
  };

  enabledText = ''
    [Service]
    ExecStart=/bin/app

    [Install]
    # WantedBy=no.target
    WantedBy=gone.target
    WantedBy=
    WantedBy=a.target \
      b.target
    RequiredBy=c.target
    UpheldBy=d.target
    Alias=www.service
  '';

  elsewhere = {
    path = "/srv/app.conf";
    text = "x";
    source = null;
    mode = "0644";
    owner = "root";
    group = "root";
    restartUnits = [ "app.service" ];
    reloadUnits = [ ];
    validate = [
      "/bin/check"
      "%s"
    ];
    onChange = null;
    onConflict = "fail";
  };

  trees = intent: {
    directories = map (directory: "${directory.path} ${directory.mode}") intent.directories;
    absent = map (absent: [ absent.path ] ++ absent.reloadUnits) intent.absent;
  };
  expectedTrees = {
    directories = [
      "/etc/app 0755"
      "/srv/app 0750"
    ];
    absent = [
      [
        "/etc/motd.d/10-help"
        "app.service"
      ]
    ];
  };

  checks = intent: {
    unit = (lib.head intent.healthChecks).unit;
    tcp = (lib.last intent.healthChecks).tcp;
    inherit (intent) maxFileSize;
  };
  expectedChecks = {
    unit = "app.service";
    tcp = {
      host = "host.example.org";
      port = 5432;
    };
    maxFileSize = 1048576;
  };

  account =
    name: config:
    lib.getAttrs [
      "isSystemUser"
      "isNormalUser"
      "group"
      "home"
      "createHome"
      "useDefaultShell"
    ] config.users.users.${name};

  links =
    config: name:
    lib.getAttrs [
      "wantedBy"
      "requiredBy"
      "upheldBy"
      "aliases"
    ] config.systemd.units.${name};

  # The lines of a drop-in. The fingerprint of a file, which follows a colon, is removed.
  settings =
    text:
    map (line: lib.head (lib.splitString ":" line)) (
      lib.filter (line: line != "") (lib.splitString "\n" text)
    );

  testsOf =
    name: row:
    let
      host = onNixos [ row.module ];
    in
    {
      "on Ubuntu: ${name}" = {
        expr = row.ubuntu (onUbuntu [ row.module ]);
        expected = row.onUbuntu;
      };
      "on NixOS: ${name}" = {
        expr = if host.mistakes == [ ] then row.nixos host else host.mistakes;
        expected = row.onNixos;
      };
    };
in
lib.concatMapAttrs testsOf rows
