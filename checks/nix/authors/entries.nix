# Tests that an entry of a family can be a function and a module.
{
  configWith,
  lib,
  textOf,
  ...
}:
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
}
