# A fleet that uses every option once. The closure of its host is built, to verify that the builder accepts
# all options.
{ activator }:
{
  activator.x86_64-linux = activator;
  cli.x86_64-linux = ./.;

  defaults = {
    base = "ubuntu";
    system = "x86_64-linux";
    ssh.user = "deploy";
    ssh.port = 2222;
    tags = [ "prod" ];
    roles = [ "everything" ];
  };

  hosts.host = {
    base = "ubuntu";
    system = "x86_64-linux";
    addr = "host.example.org";
    ssh = {
      user = "ada";
      port = 22;
      hostKey = "ssh-ed25519 AAAA";
    };
    tags = [ "web" ];
    roles = [ "everything" ];
    modules = [ { nixfleet.files."/etc/host".text = "host"; } ];
  };

  roles.everything =
    { pkgs, ... }:
    {
      nixfleet.packages = [ pkgs.hello ];
      nixfleet.maxFileSize = 268435456;

      nixfleet.groups.app.gid = 990;
      nixfleet.users.app = {
        uid = 990;
        group = "app";
        extraGroups = [ "adm" ];
        home = "/srv/app";
        createHome = true;
        shell = "/bin/sh";
        system = true;
        description = "The application";
        openssh.authorizedKeys = [ "ssh-ed25519 AAAA app" ];
      };

      nixfleet.links."/srv/app/current" = {
        target = "releases/1";
        onConflict = "backup";
      };

      nixfleet.absent."/srv/old" = {
        recursive = true;
        restartUnits = [ "app.service" ];
        reloadUnits = [ "ssh.service" ];
        onConflict = "adopt";
      };

      nixfleet.directories."/srv/app" = {
        mode = "0750";
        owner = "app";
        group = "app";
      };

      nixfleet.files."/etc/app.conf" = {
        text = "listen = 8080\n";
        mode = "640";
        owner = "root";
        group = "app";
        restartUnits = [ "app.service" ];
        reloadUnits = [ "ssh.service" ];
        # Unquoted paths are files of the fleet, which are part of the host's closure.
        validate = [
          ./program/validate.sh
          "%s"
        ];
        onChange = [
          ./program/compile.sh
          "/etc/app.conf"
        ];
        onConflict = "backup";
      };
      nixfleet.files."/etc/app.nix".source = ./everything.nix;

      nixfleet.apt.sources.app = {
        types = [
          "deb"
          "deb-src"
        ];
        uris = [ "https://packages.example.org/debian" ];
        suites = [ "bookworm" ];
        components = [ "main" ];
        architectures = [ "amd64" ];
        key = ../fixtures/keys/app.asc;
        keyFingerprint = "F046 E6E3 3FE4 5CC6 6938  F458 5B45 C22C 3D8E 713D";
        credentials = "/srv/app/login";
        onlyPackages = [ "app-*" ];
        priority = 600;
        release = "o=Example";
      };
      nixfleet.apt.sources.binary = {
        uris = [ "https://other.example.org/debian" ];
        suites = [ "./" ];
        key = ../fixtures/keys/app.gpg;
        keyFingerprint = "f046e6e33fe45cc66938f4585b45c22c3d8e713d";
      };
      nixfleet.apt.pins.backports = {
        packages = [ "nginx*" ];
        release = "n=bookworm-backports";
        priority = 500;
      };

      nixfleet.healthChecks = {
        app = {
          unit = "app.service";
          stableFor = "2s";
          interval = "1s";
          retries = 2;
          timeout = "5s";
          startDelay = 0;
          from = "host";
          onFailure = "stop";
        };
        page.http = {
          url = "https://localhost:8443/";
          method = "GET";
          requestHeaders.Host = "www.example.org";
          status = 200;
          bodyContains = "hello";
          bodyMatches = "[Hh]ello";
          responseHeaders.Content-Type = "text/html";
          maxRedirects = 1;
          verifyCertificate = false;
        };
        port = {
          tcp.host = "host.example.org";
          tcp.port = 8081;
          from = "operator";
          onFailure = "continue";
        };
        self.command = [ "${pkgs.hello}/bin/hello" ];
        script.command = [
          ./program/check.sh
          "--quiet"
        ];
      };

      nixfleet.systemd.units = {
        "app.service" = {
          sections = {
            Unit.Description = "The application";
            Service.ExecStart = "${pkgs.hello}/bin/hello";
            Service.ExecStartPre = [
              "/bin/true"
              ./program/start.sh
            ];
            Service.EnvironmentFile = ./program/environment;
            Install = {
              WantedBy = "multi-user.target";
              Alias = "application.service";
            };
          };
          enabled = true;
          restartIfChanged = true;
          reloadIfChanged = false;
          stopIfRemoved = false;
          startTimeout = "15m";
          settle = "10s";
          verify = false;
          onConflict = "adopt";
        };
        "app.socket".text = "[Socket]\nListenStream=8081\n\n[Install]\nWantedBy=sockets.target\n";
        "app.timer".sections = {
          Timer.OnCalendar = "daily";
          Install.WantedBy = "timers.target";
        };
        "app.target".sections.Unit.Description = "Everything of the application";
        "app.path".sections.Path.PathExists = "/srv/app/go";
        "ssh.service".dropIns = {
          "10-limits.conf".sections.Service = {
            MemoryMax = "1G";
            ExecStopPost = ./program/stop.sh;
          };
          "20-text.conf".text = "[Service]\nTasksMax=100\n";
        };
      };
    };
}
