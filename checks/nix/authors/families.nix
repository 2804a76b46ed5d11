# Tests that modules add options to families and to hosts.
{
  configWith,
  declaredFiles,
  document,
  lib,
  mkFleet,
  nixfleet,
  ...
}:
let
  inherit (nixfleet) types;

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
}
