# Tests the interfaces of a backend and of an option family, with a made-up backend and a made-up family.
{
  lib,
  nixfleet,
  nixpkgs,
  ...
}:
let
  # NixFleet's option families and a made-up family. The made-up family imports a module and uses a type of
  # nixpkgs.
  families =
    args:
    import ../../modules args
    // {
      greeting =
        { config, ... }:
        {
          imports = [ { nixfleet.files."/etc/imported".text = "by a family"; } ];
          options.nixfleet.greeting = lib.mkOption {
            type = lib.types.submodule {
              options.to = lib.mkOption {
                type = lib.types.str;
                default = "you";
              };
            };
            default = { };
          };
          config.nixfleet.files."/etc/greeting".text = "hello ${config.nixfleet.greeting.to}";
        };
    };

  # A backend for a made-up base. It does not support users, and its closure has only the text of one file.
  paper =
    { lib, types }:
    import ../../lib/plain-host.nix {
      class = "paper";
      inherit lib types;
    }
    // {
      lacking.users = { };
      newAccount =
        { name, ... }:
        {
          home = "/people/${name}";
          shell = "/pen";
        };
      problems = _: [ ];
      toplevelFor =
        { host, intent, ... }:
        { buildSystem, ... }:
        {
          drvPath = "${host.name} on ${buildSystem}";
          outPath = intent.files."/etc/greeting".text;
        };
    };

  evalFleet = import ../../lib/eval-fleet.nix {
    backends.nixos = paper;
    inherit families;
    inherit (nixfleet) checked evalHost;
    packages = { };
    defaultNixpkgs = nixpkgs;
  };

  fleetOf =
    module:
    evalFleet {
      modules = [
        {
          defaults.base = "nixos";
          activator.x86_64-linux = ./world.nix;
          hosts.host = {
            addr = "host.example.org";
            modules = [ module ];
          };
        }
      ];
    };
  intentOf = module: (fleetOf module).intents.host.intent;
  mistakesOf = module: map (problem: problem.what) (fleetOf module).intents.host.problems;
in
{
  "a family is a module: its config and imports count" = {
    expr = lib.mapAttrs (_: file: file.text) (intentOf { nixfleet.greeting.to = "me"; }).files;
    expected = {
      "/etc/greeting" = "hello me";
      "/etc/imported" = "by a family";
    };
  };

  "an option of nixpkgs' own types is a part of the intent" = {
    expr = (intentOf { }).greeting;
    expected.to = "you";
  };

  "a host is built by the backend of its base alone" = {
    expr =
      let
        inherit ((nixfleet.hosts (fleetOf { })).host) toplevel;
      in
      [
        toplevel.drvPath
        toplevel.outPath
      ];
    expected = [
      "host on x86_64-linux"
      "hello you"
    ];
  };

  "what a backend cannot compile is a mistake" = {
    expr = mistakesOf { nixfleet.users.web = { }; };
    expected = [ "nixfleet.users cannot be declared for a host of the base \"nixos\"" ];
  };

  "a backend says what a new account has" = {
    expr = (intentOf { nixfleet.users.web = { }; }).users.web.shell;
    expected = "/pen";
  };
}
