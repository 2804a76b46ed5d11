# Files and directories in the Intent document.
{ document, lib, ... }:
{
  "a file has the defaults" = {
    expr = (document [ { nixfleet.files."/etc/x".text = "x"; } ]).files;
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
        file = lib.head (document [ { nixfleet.files."/etc/x".source = ./files.nix; } ]).files;
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

  "a mode has four digits" = {
    expr =
      map (file: file.mode)
        (document [
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
        ]).files;
    expected = [
      "0600"
      "4755"
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
