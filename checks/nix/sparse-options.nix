# Tests that the evaluation of only the options that a host's modules set (../../lib/sparse-options.nix) has
# the same result as the evaluation of all options.
{
  document,
  evalFleet,
  lib,
  report,
  ...
}:
let
  # If a module declares an option of NixFleet again, a host is evaluated with all options.
  evaluatesAll.options.nixfleet.groups = lib.mkOption {
    type = lib.types.attrsOf (lib.types.submodule { options.note = lib.mkOption { default = null; }; });
  };

  fleetOf = modules: {
    hosts.host.addr = "host.example.org";
    hosts.host.modules = modules;
  };

  # The result of both evaluations, which is the same if they agree. The result of a host with mistakes is the
  # text that reports them.
  both =
    resultOf: modules:
    let
      sparse = resultOf modules;
      all = resultOf (modules ++ [ evaluatesAll ]);
    in
    if sparse == all then sparse else { inherit sparse all; };

  mistakesOf = modules: report (fleetOf modules);
  optionsOf = modules: (evalFleet (fleetOf modules)).intents.host.options.nixfleet;
  throws = value: !(builtins.tryEval (builtins.deepSeq value null)).success;

  # The modes of the files of a host, by path.
  modes =
    modules:
    lib.listToAttrs (
      map (file: lib.nameValuePair file.path file.mode) (
        lib.filter (file: lib.hasPrefix "/srv/" file.path) (both document modules).files
      )
    );
  file = mode: {
    text = "x";
    inherit mode;
  };
in
{
  "properties above an option apply to its definitions" = {
    expr = modes [
      {
        config = lib.mkMerge [
          { nixfleet = lib.mkIf true { files."/srv/a" = file "0600"; }; }
          (lib.mkIf false { nixfleet.files."/srv/b" = file "0600"; })
          {
            nixfleet = lib.mkMerge [
              { files."/srv/c" = file "0640"; }
              (lib.mkForce { links = { }; })
            ];
          }
        ];
      }
      { nixfleet.links."/srv/d".target = "/"; }
    ];
    expected = {
      "/srv/a" = "0600";
      "/srv/c" = "0640";
    };
  };

  "a condition may depend on other options of the host" = {
    expr = modes [
      (
        { config, options, ... }:
        {
          config = lib.mkIf (config.nixfleet.users == { } && config.nixfleet.maxFileSize == null) {
            nixfleet = lib.optionalAttrs (options.nixfleet ? files && !(options.nixfleet ? nothing)) {
              files."/srv/a" = file "0600";
            };
          };
        }
      )
    ];
    expected."/srv/a" = "0600";
  };

  "a module may declare an option beside those of NixFleet" = {
    expr = modes [
      (
        { config, lib, ... }:
        {
          options.nixfleet.app.mode = lib.mkOption { default = "0644"; };
          config.nixfleet = {
            app.mode = "0600";
            files."/srv/a" = file config.nixfleet.app.mode;
          };
        }
      )
      { options.nixfleet.systemd.another = lib.mkOption { default = null; }; }
    ];
    expected."/srv/a" = "0600";
  };

  "the default value counts where mkIf removes all definitions, and beside a definition of its priority" =
    {
      expr = map (value: (both document [ { nixfleet.maxFileSize = value; } ]).maxFileSize) [
        (lib.mkIf false 7)
        (lib.mkDefault 7)
      ];
      expected = [
        null
        7
      ];
    };

  "a definition with the priority of a default value disagrees with it" = {
    expr = lib.hasInfix "has 2 different values" (
      both mistakesOf [
        { nixfleet.apt.lockTimeout = lib.mkOptionDefault 7; }
        { nixfleet.activationTimeout = lib.mkOptionDefault 7; }
      ]
    );
    expected = true;
  };

  "unknown names are reported in the same order" = {
    expr =
      let
        text = both mistakesOf [
          {
            nixfleet.zebra = 1;
            nixfleet.systemd.unit = { };
            boot = { };
          }
          {
            _file = "second.nix";
            nixfleet.fils."/etc/x" = { };
            nixfleet.app.prot = 80;
            app.port = "80";
          }
          {
            options.app.host = lib.mkOption { default = ""; };
            options.nixfleet.app.port = lib.mkOption { default = 80; };
          }
        ];
        places = map (name: lib.stringLength (lib.head (lib.splitString name text))) [
          "app.port"
          "option boot"
          "nixfleet.app.prot"
          "nixfleet.fils"
          "nixfleet.systemd.unit"
          "nixfleet.zebra"
        ];
      in
      lib.sort (a: b: a < b) places == places && lib.last places < lib.stringLength text;
    expected = true;
  };

  "a value where options are expected is an error of the module system" = {
    expr = both (modules: throws (document modules)) [ { nixfleet.systemd = "yes"; } ];
    expected = true;
  };

  "a host that declares nothing has the values of all options" = {
    expr = both (modules: (document modules).units) [ ];
    expected = [ ];
  };

  "modules can ask where an option is defined" = {
    expr =
      map
        (
          option:
          both (
            modules:
            let
              found = option (optionsOf modules);
            in
            {
              inherit (found) highestPrio isDefined loc;
              definitions = lib.length found.definitionsWithLocations;
              shown = "${found}";
            }
          ) [ { nixfleet.files."/srv/a" = file "0600"; } ]
        )
        [
          (options: options.files)
          (options: options.systemd.units)
        ];
    expected = [
      {
        highestPrio = 100;
        isDefined = true;
        loc = [
          "nixfleet"
          "files"
        ];
        definitions = 1;
        shown = "nixfleet.files";
      }
      {
        highestPrio = 1500;
        isDefined = true;
        loc = [
          "nixfleet"
          "systemd"
          "units"
        ];
        definitions = 1;
        shown = "nixfleet.systemd.units";
      }
    ];
  };
}
