# Tests of NixFleet's types in modules.
{
  hostWith,
  lib,
  nixfleet,
  whatIsWrong,
  ...
}:
let
  inherit (nixfleet) types;
in
{
  "a field is applied once, and its default is of its type" = {
    expr =
      let
        site = types.record {
          description = "a site";
          fields.name = lib.mkOption {
            type = types.string;
            apply = name: name + "!";
          };
          fields.wait = lib.mkOption {
            type = types.durationBetween {
              low = 1;
              high = 600;
            };
            default = "90s";
          };
          fields.ssh = lib.mkOption {
            type = types.record {
              description = "ssh";
              fields.port = lib.mkOption {
                type = types.port;
                default = 22;
              };
            };
            default = { };
          };
        };
        valueOf =
          value:
          (hostWith [
            {
              options.site = lib.mkOption { type = site; };
              config.site = value;
            }
          ]).intents.host.config.site;
      in
      map valueOf [
        { name = "a"; }
        (
          { ... }:
          {
            imports = [ ];
            name = "a";
          }
        )
      ];
    expected =
      let
        value = {
          name = "a!";
          wait = 90;
          ssh.port = 22;
        };
      in
      [
        value
        value
      ];
  };

  "lists, nulls and collections hold records, and types of nixpkgs" = {
    expr =
      let
        port = types.record {
          description = "a port";
          fields.port = lib.mkOption { type = types.port; };
        };
        host = hostWith [
          {
            options.a = lib.mkOption { type = types.listOf port; };
            options.b = lib.mkOption { type = types.listOf lib.types.str; };
            options.c = lib.mkOption { type = types.nullOr lib.types.str; };
            options.d = lib.mkOption {
              type = types.entries {
                description = "words";
                key = types.label;
                keyExample = "a";
                element = lib.types.str;
              };
            };
            config.a = [ { port = 80; } ];
            config.b = [ "b" ];
            config.c = "c";
            config.d.e = "e";
          }
        ];
      in
      [
        host.intents.host.problems
        (lib.getAttrs [ "a" "b" "c" "d" ] host.intents.host.config)
      ];
    expected = [
      [ ]
      {
        a = [ { port = 80; } ];
        b = [ "b" ];
        c = "c";
        d.e = "e";
      }
    ];
  };

  "two modules may declare an option with the same type" = {
    expr = whatIsWrong (
      map (type: { options.s = lib.mkOption { inherit type; }; }) [
        types.bool
        types.bool
      ]
      ++ [ { s = "x"; } ]
    );
    expected = [ "s must be true or false, but is the string \"x\"" ];
  };

  "a maker with an argument that it cannot take says so" = {
    expr = map (make: (builtins.tryEval (builtins.seq (make types) true)).success) [
      (types: types.oneOf [ types.bool ])
      (types: types.oneOf [ "a" ])
      (
        types:
        types.record {
          description = "a";
          fields.a = types.port;
        }
      )
      (
        types:
        types.record {
          description = "a";
          fields.a = lib.mkOption {
            type = types.port;
            readOnly = true;
          };
        }
      )
      (
        types:
        types.entries {
          description = "a";
          key = lib.types.str;
          keyExample = "a";
          element = types.port;
        }
      )
    ];
    expected = [
      false
      true
      false
      false
      false
    ];
  };

  "apply is applied, on an option and on a field" = {
    expr =
      let
        field = {
          options.site = lib.mkOption {
            type = types.record {
              description = "a site";
              fields.name = lib.mkOption {
                type = types.line;
                apply = lib.toUpper;
                example = "web";
                description = "Its name.";
              };
            };
          };
          config.site.name = "web";
        };
        host = hostWith [
          field
          (
            { config, ... }:
            {
              options.nixfleet.files = lib.mkOption {
                apply = lib.mapAttrs (_: file: file // { owner = "app"; });
              };
              config.nixfleet.files."/etc/x".text = config.site.name;
            }
          )
        ];
      in
      map (file: [
        file.text
        file.owner
      ]) (lib.attrValues host.intents.host.intent.files);
    expected = [
      [
        "WEB"
        "app"
      ]
    ];
  };

  "inside of a type of nixpkgs' a mistake is thrown" = {
    expr =
      let
        port =
          value:
          (lib.evalModules {
            modules = [
              { options.ports = lib.mkOption { type = lib.types.attrsOf types.port; }; }
              { ports.web = value; }
            ];
          }).config.ports.web;
      in
      [
        (port 80)
        (builtins.tryEval (port 0)).success
      ];
    expected = [
      80
      false
    ];
  };

  "every type that users get is on the page about them" = {
    expr =
      let
        page = builtins.readFile ../../../docs/reference/option-types.md;
      in
      lib.filter (name: !lib.hasInfix "`${name}" page) (lib.attrNames types);
    expected = [ ];
  };
}
