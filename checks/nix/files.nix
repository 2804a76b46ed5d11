# Tests of the files and directories in the Intent document.
{
  declaredFiles,
  document,
  evalFleet,
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
        onChange = null;
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

  "a source without a reference is copied" = {
    expr =
      let
        # The path of a file beside this module, as `toString ./files.nix` returns it when Nix evaluates a
        # flake.
        plain = builtins.unsafeDiscardStringContext "${./files.nix}";
        file = lib.head (declaredFiles (document [ { nixfleet.files."/etc/x".source = plain; } ]));
      in
      [
        (builtins.hasContext file.source)
        (builtins.readFile file.source == builtins.readFile ./files.nix)
      ];
    expected = [
      true
      true
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

  "a link has a target, and fails on a conflict" = {
    expr = (document [ { nixfleet.links."/opt/app/current".target = "releases/42"; } ]).links;
    expected = [
      {
        path = "/opt/app/current";
        target = "releases/42";
        onConflict = "fail";
      }
    ];
  };

  "an absent path is backed up, and its content stays" = {
    expr = (document [ { nixfleet.absent."/etc/motd.d/10-help" = { }; } ]).absent;
    expected = [
      {
        path = "/etc/motd.d/10-help";
        recursive = false;
        restartUnits = [ ];
        reloadUnits = [ ];
        onConflict = "backup";
      }
    ];
  };

  "a link into a package keeps the package" = {
    expr =
      let
        module =
          { pkgs, ... }:
          {
            nixfleet.links."/opt/hello".target = "${pkgs.hello}/bin/hello";
          };
        inherit (lib.head (document [ module ]).links) target;
      in
      builtins.hasContext target && lib.hasSuffix "/bin/hello" target;
    expected = true;
  };

  "no place of the builder's list can be declared, nor what stands below it" = {
    expr =
      let
        inherit ((evalFleet { }).types.managedPath) accepts;
        list = lib.importJSON ../../contract/src/values/reserved.json;
        places = map (lib.removeSuffix "*") (lib.concatMap (each: each.paths) list);
      in
      {
        declarable = lib.filter (place: accepts place || accepts "${place}/below") places;
        refused = lib.filter (place: !accepts place) [
          "/etc/passwd.d/a"
          "/etc/fstab"
          "/etc/ssh/ssh_host_ed25519_key-cert.pub"
          "/etc/alternatives.conf"
          "/run/nixfleets"
          "/nixos"
        ];
      };
    expected = {
      declarable = [ ];
      refused = [ ];
    };
  };

  "no character of the builder's list can stand in a path, nor a control character" = {
    expr =
      let
        inherit (evalFleet { }) types;
        unseen = lib.importJSON ../../contract/src/values/hidden.json ++ [
          "\n"
          "\t"
          (builtins.fromJSON "\"\\u001b\"")
          (builtins.fromJSON "\"\\u007f\"")
        ];
      in
      {
        declarable = lib.filter (
          each: types.managedPath.accepts "/etc/a${each}b" || types.path.accepts "/home/a${each}b"
        ) unseen;
        inherit (types.managedPath.refusal "/etc/a\tb") help;
        refused = lib.filter (path: !types.managedPath.accepts path || !types.path.accepts path) [
          "/etc/ü 日本"
          "/etc/שלום"
          "/etc/a~ b"
        ];
      };
    expected = {
      declarable = [ ];
      help = "remove the character from the path";
      refused = [ ];
    };
  };
}
