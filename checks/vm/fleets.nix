# The fleets of the test. All of them have the same host, `target`, and each of them describes it in another
# state.
{
  nixfleet,
  nixpkgs,
  pkgs,
  # The SSH key of the operator's machine.
  authorizedKey,
}:
let
  inherit (pkgs) lib;

  inventory = {
    defaults.ssh = {
      user = "deploy";
      authorizedKeys = [ authorizedKey ];
    };
    hosts.target = {
      base = "nixos";
      addr = "target";
      system = pkgs.stdenv.hostPlatform.system;
      inherit pkgs;
    };
  };

  fleetOf =
    modules:
    nixfleet.mkFleet {
      inherit nixpkgs;
      modules = [
        inventory
        { hosts.target = { inherit modules; }; }
      ];
    };

  # The web page of the host. `text` is its content, and `checked` is the path that the health check asks for.
  page =
    { text, checked }:
    { pkgs, ... }:
    {
      nixfleet.files."/etc/page/index.html" = {
        inherit text;
        restartUnits = [ "page.service" ];
      };
      nixfleet.systemd.units."page.service".sections = {
        Unit.Description = "The web page";
        Service.ExecStart = "${pkgs.busybox}/bin/busybox httpd -f -p 8080 -h /etc/page";
        Install.WantedBy = "multi-user.target";
      };
      nixfleet.healthChecks.page.http.url = "http://localhost:8080/${checked}";
    };

  states = {
    first = {
      text = "first\n";
      checked = "index.html";
    };
    second = {
      text = "second\n";
      checked = "index.html";
    };
    unhealthy = {
      text = "unhealthy\n";
      checked = "missing.html";
    };
  };

  # The fleet in a state. A system of a NixOS test needs the modules of the test framework, and the network
  # that the framework has given to the machine.
  inState =
    network: state:
    fleetOf [
      (pkgs.path + "/nixos/lib/testing/nixos-test-base.nix")
      network
      ./target.nix
      (fleetOf [ ]).nixfleetModules.fleet-deploy-user
      (page states.${state})
    ];

  # The NixOS system of the host in each state.
  systems =
    network: lib.mapAttrs (state: _: (inState network state).nixosConfigurations.target) states;

  # A file for `nixfleet --file` with the fleet in a state, which ./prebuilt.nix reads.
  file =
    network: state:
    let
      inherit (inState network state) nixfleet;
      data = pkgs.writeText "fleet.json" (
        builtins.toJSON {
          inherit (nixfleet) fleet;
          intents = lib.mapAttrs (_: host: host.toplevel.intent) nixfleet.hosts;
        }
      );
    in
    pkgs.writeText "${state}.nix" ''
      import ${./prebuilt.nix} {
        fleet = ${data};
        closure = ${../../lib/document/closure.nix};
      }
    '';
in
{
  inherit systems;

  # The module with the SSH user, for the system that boots first.
  deployUser = (fleetOf [ ]).nixosModules.fleet-deploy-user;

  # The directory with a file for each state, such as `first.nix`.
  directory =
    network:
    pkgs.linkFarm "nixfleet-fleets" (
      lib.mapAttrs' (state: _: lib.nameValuePair "${state}.nix" (file network state)) states
    );
}
