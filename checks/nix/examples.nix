# Tests of the code in the demo and the documentation.
{
  blocksOf,
  lib,
  nixfleet,
  nixpkgs,
  ...
}:
let
  outputsOf =
    flake: inputs:
    (import flake).outputs (
      {
        self.outPath = dirOf flake;
        nixfleet.lib = nixfleet;
        inherit nixpkgs;
      }
      // inputs
    );

  demo = outputsOf ../fixtures/demo-fleet/flake.nix { prebuilt.outPath = ./.; };

  intentsOf = flake: nixfleet.evalFleet { modules = [ (dirOf flake + "/fleet.nix") ]; };
  demoFleet = intentsOf ../fixtures/demo-fleet/flake.nix;

  # Returns the mistakes in modules. A module that defines `nixfleet` counts as a module of a host, and any
  # other module as a fleet module.
  mistakesIn =
    modules:
    let
      parted = lib.partition (module: module ? nixfleet) modules;
    in
    nixfleet.report (
      nixfleet.evalFleet {
        modules = parted.wrong ++ [
          {
            hosts.host = {
              addr = "host";
              modules = parted.right;
            };
          }
        ];
      }
    );

  # The blocks of the README: flake.nix, fleet.nix and roles/web.nix.
  written = blocksOf ../../README.md;
  readme = nixfleet.evalFleet {
    modules = [
      (removeAttrs (lib.elemAt written 1) [ "roles" ])
      { roles.web = lib.elemAt written 2; }
    ];
  };
  # The blocks of the page about NixOS hosts: the inventory, a host, a role for both bases, keys for colmena,
  # outputs of a flake without mkFleet, and the modules of the fleet.
  nixosPage = blocksOf ../../docs/how-to/nixos.md;
  withNixos = nixfleet.evalFleet {
    inputs.self = {
      outPath = ./.;
      inherit (nixfleet.mkFleet { }) nixfleetModules;
    };
    modules = [
      (removeAttrs (lib.head nixosPage) [ "roles" ])
      (lib.elemAt nixosPage 3)
      (lib.last nixosPage)
      {
        roles.web = lib.elemAt nixosPage 2;
        hosts.web-1.addr = "10.0.1.11";
        hosts.web-1.roles = [ "web" ];
        hosts.web-9.modules = lib.mkForce [ (lib.elemAt nixosPage 1) ];
      }
    ];
  };
  # The blocks of the page about option types: entries, assertions, an option that is added to NixFleet's
  # options, and the options of a module itself.
  typed = nixfleet.evalFleet {
    inputs.nixfleet.lib = nixfleet;
    modules = [
      {
        hosts.host = {
          addr = "host";
          modules = blocksOf ../../docs/reference/option-types.md;
        };
      }
    ];
  };
in
{
  "the page about option types says what works" = {
    expr = {
      mistakes = nixfleet.report typed;
      inherit (typed.intents.host) warnings;
      files = lib.mapAttrs (_: file: [
        file.text
        file.mode
      ]) typed.intents.host.intent.files;
      units = typed.intents.host.intent.files."/etc/app.conf".restartUnits;
    };
    expected = {
      mistakes = null;
      warnings = [ "this host has no packages" ];
      files."/etc/app.conf" = [
        "# /etc/app.conf belongs to app\n"
        "0644"
      ];
      files."/etc/token" = [
        "not a real one\n"
        "0600"
      ];
      files."/etc/sites/shop.conf" = [
        "listen = 8080\n"
        "0644"
      ];
      units = [
        "app.service"
        "proxy.service"
      ];
    };
  };

  "the page about NixOS hosts says what works" = {
    expr = {
      blocks = lib.length nixosPage;
      keys = lib.attrNames withNixos.hosts.web-9.deployment.keys;
      mistakes = nixfleet.report withNixos;
      names = lib.mapAttrs (_: intent: lib.attrNames intent.intent.users) withNixos.intents;
      hosts = withNixos.intents.web-9.config.networking.hosts."10.0.1.11";
      openssh = withNixos.intents.web-9.config.services.openssh.enable;
      outputs =
        let
          # The page's fleet.nix is not a file here.
          outputs = lib.elemAt nixosPage 4 {
            inherit nixpkgs;
            nixfleet.lib = nixfleet // {
              evalFleet = { nixpkgs, ... }: builtins.seq nixpkgs.lib.nixosSystem withNixos;
            };
          };
        in
        [
          (lib.attrNames outputs.colmena)
          outputs.nixosModules.names.networking.hosts."10.0.1.19"
        ];
    };
    expected = {
      blocks = 6;
      keys = [ "token" ];
      mistakes = null;
      names = {
        web-1 = [
          "app"
          "deploy"
        ];
        web-9 = [
          "app"
          "deploy"
          "nginx"
        ];
      };
      hosts = [ "web-1" ];
      openssh = true;
      outputs = [
        [
          "meta"
          "web-9"
        ]
        [ "web-9" ]
      ];
    };
  };

  "the README's fleet is a fleet of one web server" = {
    expr = {
      blocks = lib.length written;
      mistakes = nixfleet.report readme;
      hosts = lib.mapAttrs (_: host: host.roles) readme.hosts;
      units = lib.attrNames readme.intents.web-1.intent.systemd.units;
      flake = lib.attrNames (lib.head written).inputs;
    };
    expected = {
      blocks = 3;
      mistakes = null;
      hosts.web-1 = [ "web" ];
      units = [ "web.service" ];
      flake = [
        "nixfleet"
        "nixpkgs"
      ];
    };
  };

  "what the pages on how to do something show is right" = {
    expr = map (page: mistakesIn (blocksOf page)) [
      ../../docs/how-to/health-checks.md
      ../../docs/how-to/notifications.md
      ../../docs/how-to/units.md
      ../../docs/how-to/users.md
    ];
    expected = [
      null
      null
      null
      null
    ];
  };

  "the demo has two roles on three hosts" = {
    expr = {
      mistakes = nixfleet.report demoFleet;
      roles = lib.mapAttrs (_: host: host.roles) demo.nixfleet.fleet.hosts;
    };
    expected = {
      mistakes = null;
      roles = {
        db-1 = [ "db" ];
        web-1 = [ "web" ];
        web-2 = [ "web" ];
      };
    };
  };
}
