# Files and directories in the Intent document.
{
  declaredFiles,
  document,
  lib,
  ...
}:
{
  "a file has the defaults" = {
    expr = declaredFiles (document [ { nixfleet.files."/etc/x".text = "x"; } ]);
    expected = [
      {
        path = "/etc/x";
        text = "x";
        source = null;
        mode = "0644";
        owner = "root";
        group = "root";
        restartUnits = [ ];
        reloadUnits = [ ];
        validate = null;
        onConflict = "fail";
      }
    ];
  };

  "a source comes from the store" = {
    expr =
      let
        file = lib.head (declaredFiles (document [ { nixfleet.files."/etc/x".source = ./files.nix; } ]));
      in
      [
        (lib.hasPrefix builtins.storeDir file.source)
        (builtins.readFile file.source == builtins.readFile ./files.nix)
        file.text
      ];
    expected = [
      true
      true
      null
    ];
  };

  "a file may belong to any account of the host, by name or number" = {
    expr =
      let
        file = lib.head (
          declaredFiles (document [
            {
              nixfleet.files."/etc/exim4/passwd.client" = {
                text = "x";
                owner = "0";
                group = "Debian-exim";
              };
            }
          ])
        );
      in
      [
        file.owner
        file.group
      ];
    expected = [
      "0"
      "Debian-exim"
    ];
  };

  "a mode has four digits" = {
    expr = map (file: file.mode) (
      declaredFiles (document [
        {
          nixfleet.files."/etc/a" = {
            text = "";
            mode = "600";
          };
          nixfleet.files."/etc/b" = {
            text = "";
            mode = "4755";
          };
        }
      ])
    );
    expected = [
      "0600"
      "4755"
    ];
  };

  "every host puts itself right at boot" = {
    expr = map (file: file.path) (document [ ]).files;
    expected = [
      "/etc/systemd/system/nixfleet-recover.service"
      "/etc/systemd/system/sysinit.target.d/nixfleet-recover.conf"
    ];
  };

  "a directory has the defaults" = {
    expr = (document [ { nixfleet.directories."/srv/x" = { }; } ]).directories;
    expected = [
      {
        path = "/srv/x";
        mode = "0755";
        owner = "root";
        group = "root";
      }
    ];
  };
}
