# Tests that authors of modules can use NixFleet's options in the same ways as options of nixpkgs.
{
  declaredFiles,
  document,
  evalFleet,
  lib,
  mkFleet,
  nixfleet,
  report,
  ...
}:
let
  inherit (nixfleet) types;

  hostWith =
    modules:
    evalFleet {
      hosts.host = {
        inherit modules;
        addr = "host";
      };
    };
  configWith = modules: (hostWith modules).intents.host.config.nixfleet;
  textOf = modules: path: (configWith modules).files.${path}.text;
  whatIsWrong = modules: map (problem: problem.what) (hostWith modules).intents.host.problems;

  # A module that adds an option to the files of a host.
  labelled = {
    options.nixfleet.files = lib.mkOption {
      type = lib.types.attrsOf (
        lib.types.submodule (
          { config, name, ... }:
          {
            options.label = lib.mkOption {
              type = lib.types.str;
              default = "label of ${baseNameOf name}";
            };
            config.mode = lib.mkIf (config.label == "secret") "0600";
          }
        )
      );
    };
  };
in
{
  "an entry is a function of its name and its own values" = {
    expr = textOf [
      {
        nixfleet.files."/etc/x" =
          { name, config, ... }:
          {
            text = "${name} of ${config.owner} with ${config.mode}";
            owner = lib.mkDefault "app";
          };
      }
      { nixfleet.files."/etc/x".mode = "0600"; }
    ] "/etc/x";
    expected = "/etc/x of app with 0600";
  };

  "such a function may take all, and what it has not asked for" = {
    expr =
      map
        (textOf [
          { nixfleet.files."/etc/a" = args: { text = args.name; }; }
          { nixfleet.files."/etc/b" = lib.mkIf true ({ lib, ... }: { text = lib.toUpper "b"; }); }
        ])
        [
          "/etc/a"
          "/etc/b"
        ];
    expected = [
      "/etc/a"
      "B"
    ];
  };

  "an entry is a module, with imports and options of its own" = {
    expr = textOf [
      {
        nixfleet.files."/etc/x" =
          { config, options, ... }:
          {
            imports = [ { owner = "app"; } ];
            options.port = lib.mkOption {
              type = lib.types.port;
              default = 80;
            };
            config.text = "${config.owner} ${toString config.port} ${toString options.mode.isDefined}";
          };
      }
    ] "/etc/x";
    expected = "app 80 1";
  };

  "a module adds options to the entries of a family" = {
    expr =
      let
        modules = [
          labelled
          {
            nixfleet.files."/etc/a" = {
              text = "a";
              label = "secret";
            };
            nixfleet.files."/etc/b".text = "b";
          }
        ];
      in
      {
        config = lib.mapAttrs (_: file: {
          inherit (file) label mode;
        }) (configWith modules).files;
        # The host receives the changed mode, but not the added option, which it does not know.
        document = map (file: [
          file.mode
          (file ? label)
        ]) (declaredFiles (document modules));
      };
    expected = {
      config."/etc/a" = {
        label = "secret";
        mode = "0600";
      };
      config."/etc/b" = {
        label = "label of b";
        mode = "0644";
      };
      document = [
        [
          "0600"
          false
        ]
        [
          "0644"
          false
        ]
      ];
    };
  };

  "a record adds fields to the entries of a family, and two modules may" = {
    expr =
      (configWith [
        labelled
        {
          options.nixfleet.files = lib.mkOption {
            type = types.entries {
              description = "files";
              key = types.managedPath;
              keyExample = "/etc/x";
              element = types.record {
                description = "a set with a port";
                fields.port = lib.mkOption {
                  type = types.port;
                  default = 80;
                  example = 80;
                  description = "A port.";
                };
              };
            };
          };
        }
        { nixfleet.files."/etc/x".text = "x"; }
      ]).files."/etc/x";
    expected = {
      label = "label of x";
      port = 80;
      mode = "0644";
      owner = "root";
      group = "root";
      text = "x";
      source = null;
      restartUnits = [ ];
      reloadUnits = [ ];
      validate = null;
      onChange = null;
      onConflict = "fail";
    };
  };

  "a module of the fleet adds options to hosts, for modules of hosts" = {
    expr =
      let
        fleet = mkFleet {
          options.hosts = lib.mkOption {
            type = lib.types.attrsOf (
              lib.types.submodule { options.rack = lib.mkOption { type = lib.types.str; }; }
            );
          };
          config.hosts.host = {
            addr = "host";
            rack = "a1";
            modules = [ ({ host, ... }: { nixfleet.files."/etc/rack".text = host.rack; }) ];
          };
        };
      in
      {
        text = (lib.head (declaredFiles fleet.nixfleet.hosts.host.toplevel.intent)).text;
        # The command line does not receive the added option.
        isSent = fleet.nixfleet.fleet.hosts.host ? rack;
      };
    expected = {
      text = "a1";
      isSent = false;
    };
  };

  "mkIf and mkMerge stand in lists" = {
    expr =
      (configWith [
        {
          nixfleet.files."/etc/x" = {
            text = "x";
            restartUnits = [
              (lib.mkIf false "a.service")
              (lib.mkIf true "b.service")
              (lib.mkMerge [ (lib.mkIf true "c.service") ])
              "d.service"
            ];
          };
        }
      ]).files."/etc/x".restartUnits;
    expected = [
      "b.service"
      "c.service"
      "d.service"
    ];
  };

  "a function may give mkMerge and mkIf" = {
    expr =
      lib.getAttrs [ "text" "mode" "owner" ]
        (configWith [
          {
            nixfleet.files."/etc/x" =
              { config, ... }:
              lib.mkMerge [
                {
                  text = "a";
                  mode = "0600";
                }
                (lib.mkIf (config.mode == "0600") { owner = "app"; })
              ];
          }
        ]).files."/etc/x";
    expected = {
      text = "a";
      mode = "0600";
      owner = "app";
    };
  };

  "a function sees the value in the end, whatever is added to its family" = {
    expr =
      map
        (
          more:
          (configWith (
            more
            ++ [
              {
                nixfleet.healthChecks.a =
                  { config, ... }:
                  {
                    unit = "a.service";
                    interval = config.stableFor;
                  };
              }
            ]
          )).healthChecks.a.interval
        )
        [
          [ ]
          [
            {
              options.nixfleet.healthChecks = lib.mkOption {
                type = lib.types.attrsOf (lib.types.submodule { options.foo = lib.mkEnableOption "foo"; });
              };
            }
          ]
        ];
    expected = [
      3
      3
    ];
  };

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

  "an option that nobody sets is a mistake" = {
    expr = whatIsWrong [ { options.s = lib.mkOption { type = types.port; }; } ];
    expected = [ "s has no value" ];
  };

  "a value that throws does not keep the mistakes of other options" = {
    expr = lib.hasInfix "nixfleet.users.ada.uid must be" (
      nixfleet.report (hostWith [
        {
          nixfleet.files."/etc/x".text = throw "boom";
          nixfleet.users.ada.uid = "q";
        }
      ])
    );
    expected = true;
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

  "an option of a user's module tells its mistakes with all others" = {
    expr = whatIsWrong [
      {
        options.site.port = lib.mkOption {
          type = types.port;
          example = 80;
        };
      }
      { site.port = 0; }
      { nixfleet.files."/etc/x".mode = "9"; }
    ];
    expected = [
      "nixfleet.files.\"/etc/x\".mode must be an octal mode in quotes such as \"0644\", but is the string \"9\""
      "nixfleet.files.\"/etc/x\" has neither text nor source"
      "site.port must be a port from 1 to 65535, but is the number 0"
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

  "assertions that hold say nothing" = {
    expr = report {
      assertions = [
        {
          assertion = true;
          message = throw "a message that nobody needs";
        }
      ];
      hosts.host = {
        addr = "host";
        modules = [
          {
            assertions = [
              (lib.mkIf false {
                assertion = false;
                message = "no";
              })
            ];
          }
        ];
      };
    };
    expected = null;
  };

  "warnings are those of all modules, and refuse nothing" = {
    expr =
      let
        fleet = evalFleet {
          warnings = [ "old" ];
          hosts.host = {
            addr = "host";
            modules = [
              { warnings = [ "a" ]; }
              { warnings = [ "b" ]; }
            ];
          };
        };
      in
      [
        fleet.warnings
        (lib.sort lib.lessThan fleet.intents.host.warnings)
        (nixfleet.report fleet)
      ];
    expected = [
      [ "old" ]
      [
        "a"
        "b"
      ]
      null
    ];
  };

  "every type that users get is on the page about them" = {
    expr =
      let
        page = builtins.readFile ../../docs/reference/option-types.md;
      in
      lib.filter (name: !lib.hasInfix "`${name}" page) (lib.attrNames types);
    expected = [ ];
  };
}
