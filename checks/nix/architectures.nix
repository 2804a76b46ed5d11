# Tests of hosts of another architecture than the machine that builds their closures.
{
  blocksOf,
  lib,
  nixfleet,
  ...
}:
let
  # The example of the page about other architectures, with these modules of its host.
  closure =
    modules:
    (nixfleet.mkFleet {
      modules = [
        (lib.head (blocksOf ../../docs/how-to/other-architectures.md) // prebuilt)
        { hosts.pi-1.modules = modules; }
      ];
    }).nixfleet.hosts.pi-1.toplevelFor.x86_64-linux;

  # Any files can replace the activators, because nothing is built.
  prebuilt.activator = {
    aarch64-linux = ./architectures.nix;
    x86_64-linux = ./world.nix;
  };

  # The names of the derivations whose outputs the Intent document of a closure refers to. Nix builds them for
  # the host, except the package profile, which Nix itself makes.
  built =
    closure:
    let
      origins = builtins.getContext (builtins.toJSON closure.intent);
    in
    map (path: builtins.substring 33 (-1) (baseNameOf path)) (
      lib.attrNames (lib.filterAttrs (_: origin: origin ? outputs) origins)
    );

  everythingThatIsText = {
    nixfleet.files."/etc/app.conf".text = "x";
    nixfleet.files."/etc/motd".source = ./world.nix;
    nixfleet.directories."/srv/app" = { };
    nixfleet.links."/srv/current".target = "releases/1";
    nixfleet.absent."/srv/old" = { };
    nixfleet.users.app = { };
    nixfleet.groups.team = { };
    nixfleet.healthChecks.app.http.url = "http://localhost/";
    nixfleet.systemd.units."app.service".sections = {
      Service.ExecStart = "/bin/sleep inf";
      Install.WantedBy = "multi-user.target";
    };
  };
in
{
  "the operator's machine builds everything of a host that is text" = {
    expr =
      let
        host = closure [ everythingThatIsText ];
      in
      [
        host.system
        host.intent.system
        (built host)
      ];
    expected = [
      "x86_64-linux"
      "aarch64-linux"
      [ ]
    ];
  };

  "the activator on the host is that of the host, and the builder is that of the operator's machine" =
    {
      expr =
        let
          host = closure [ ];
        in
        lib.mapAttrs (_: file: builtins.readFile file == builtins.readFile ./architectures.nix) {
          inherit (host.intent) activator;
          inherit (host) builder;
        };
      expected = {
        activator = true;
        builder = false;
      };
    };

  "only packages are built for the host" = {
    expr =
      let
        host = closure [
          everythingThatIsText
          ({ pkgs, ... }: { nixfleet.packages = [ pkgs.hello ]; })
          (
            { pkgs, ... }:
            {
              nixfleet.files."/etc/of-pkgs".source = pkgs.writeText "of-pkgs" "x";
              nixfleet.files."/etc/system".text = pkgs.hello.system;
            }
          )
        ];
        text = path: (lib.findFirst (file: file.path == path) null host.intent.files).text;
      in
      [
        host.system
        (text "/etc/system")
        (lib.sort lib.lessThan (map (name: lib.head (lib.splitString "-" name)) (built host)))
      ];
    expected = [
      "x86_64-linux"
      "aarch64-linux"
      [
        "hello"
        "nixfleet"
        "of"
      ]
    ];
  };

  "a host of a system without an activator says which line is missing" = {
    expr =
      let
        outputs = nixfleet.mkFleet {
          modules = [
            { activator.x86_64-linux = ./world.nix; }
            {
              hosts.pi-1.addr = "pi-1";
              hosts.pi-1.system = "armv7l-linux";
            }
          ];
        };
      in
      (builtins.tryEval outputs.nixfleet.hosts.pi-1.toplevelFor.x86_64-linux.drvPath).success;
    expected = false;
  };
}
