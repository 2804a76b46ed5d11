# Tests that roles and host modules add to each other, by the rules of the module system.
{
  declaredFiles,
  document,
  lib,
  mkFleet,
  ...
}:
let
  filesOf =
    modules:
    lib.listToAttrs (map (file: lib.nameValuePair file.path file) (declaredFiles (document modules)));
  fieldsOf =
    modules: path: fields:
    lib.getAttrs fields (filesOf modules).${path};
in
{
  "fields of one file come from several modules" = {
    expr =
      fieldsOf
        [
          { nixfleet.files."/etc/x".text = "x"; }
          { nixfleet.files."/etc/x".mode = "0600"; }
        ]
        "/etc/x"
        [
          "text"
          "mode"
          "owner"
        ];
    expected = {
      text = "x";
      mode = "0600";
      owner = "root";
    };
  };

  "the text of several modules is joined in order" = {
    expr =
      (fieldsOf [
        { nixfleet.files."/etc/x".text = lib.mkAfter "c"; }
        { nixfleet.files."/etc/x".text = "b"; }
        { nixfleet.files."/etc/x".text = lib.mkBefore "a"; }
      ] "/etc/x" [ "text" ]).text;
    expected = "a\nb\nc";
  };

  "mkForce wins over a plain value and that over mkDefault" = {
    expr =
      fieldsOf
        [
          {
            nixfleet.files."/etc/x" = {
              text = "x";
              mode = lib.mkForce "0600";
              owner = lib.mkDefault "low";
            };
          }
          {
            nixfleet.files."/etc/x" = {
              mode = "0644";
              owner = "high";
            };
          }
        ]
        "/etc/x"
        [
          "mode"
          "owner"
        ];
    expected = {
      mode = "0600";
      owner = "high";
    };
  };

  "mkIf works on everything, on an entry and on a field" = {
    expr = lib.mapAttrs (_: file: file.mode) (filesOf [
      { nixfleet = lib.mkIf false { files."/etc/a".text = "a"; }; }
      { nixfleet.files = lib.mkIf true { "/etc/b".text = "b"; }; }
      { nixfleet.files."/etc/c" = lib.mkIf false { text = "c"; }; }
      {
        nixfleet.files."/etc/d" = lib.mkMerge [
          { text = "d"; }
          (lib.mkIf true { mode = "0600"; })
        ];
      }
      {
        nixfleet.files."/etc/e" = {
          text = "e";
          mode = lib.mkIf false "0600";
        };
      }
    ]);
    expected = {
      "/etc/b" = "0644";
      "/etc/d" = "0600";
      "/etc/e" = "0644";
    };
  };

  "lists of several modules are joined" = {
    expr =
      (fieldsOf [
        {
          nixfleet.files."/etc/x" = {
            text = "x";
            restartUnits = lib.mkBefore [ "a.service" ];
          };
        }
        { nixfleet.files."/etc/x".restartUnits = [ "b.service" ]; }
      ] "/etc/x" [ "restartUnits" ]).restartUnits;
    expected = [
      "a.service"
      "b.service"
    ];
  };

  "settings of a unit's sections are overridden one by one" = {
    expr =
      (lib.head
        (document [
          {
            nixfleet.systemd.units."a.service".sections.Service = {
              ExecStart = "/bin/a";
              User = "a";
            };
          }
          { nixfleet.systemd.units."a.service".sections.Service.User = lib.mkForce "b"; }
        ]).units
      ).text;
    expected = "[Service]\nExecStart=/bin/a\nUser=b\n";
  };

  "a module reads the configuration of its own host" = {
    expr =
      (fieldsOf [
        { nixfleet.users.web = { }; }
        (
          { config, ... }:
          {
            nixfleet.files."/etc/x".text = config.nixfleet.users.web.home;
          }
        )
      ] "/etc/x" [ "text" ]).text;
    expected = "/var/lib/web";
  };

  "a module declares options of its own" = {
    expr =
      (fieldsOf [
        (
          { config, lib, ... }:
          {
            options.site.domain = lib.mkOption { type = lib.types.str; };
            config.nixfleet.files."/etc/domain".text = config.site.domain;
          }
        )
        { site.domain = "example.org"; }
      ] "/etc/domain" [ "text" ]).text;
    expected = "example.org";
  };

  "one host speaks of another, of itself and of the inputs" = {
    expr =
      let
        fleet = mkFleet {
          hosts.web-1 = {
            addr = "web-1";
            modules = [
              (
                {
                  host,
                  hosts,
                  name,
                  ...
                }:
                {
                  nixfleet.files."/etc/x".text = "${name} ${host.addr} ${hosts.db-1.addr} ${
                    hosts.db-1.config.nixfleet.files."/etc/port".text
                  }";
                }
              )
            ];
          };
          hosts.db-1 = {
            addr = "db-1.example.org";
            modules = [ { nixfleet.files."/etc/port".text = "5432"; } ];
          };
        };
      in
      (lib.head (declaredFiles fleet.nixfleet.hosts.web-1.toplevel.intent)).text;
    expected = "web-1 web-1 db-1.example.org 5432";
  };
}
