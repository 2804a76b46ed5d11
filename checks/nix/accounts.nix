# Tests of the users and groups in the Intent document.
{
  declaredFiles,
  document,
  lib,
  ...
}:
{
  "a system user brings a group of its own" = {
    expr = lib.getAttrs [ "users" "groups" ] (document [ { nixfleet.users.web = { }; } ]);
    expected = {
      users = [
        {
          name = "web";
          uid = null;
          group = "web";
          extraGroups = [ ];
          home = "/var/lib/web";
          createHome = false;
          shell = "/usr/sbin/nologin";
          system = true;
          description = "";
          unstated = [
            "group"
            "home"
            "createHome"
            "shell"
            "system"
            "description"
          ];
        }
      ];
      # The host creates the group of the same name together with the user, so the document lists no group.
      groups = [ ];
    };
  };

  "what is stated is told from what a new account would have" = {
    expr =
      (lib.head
        (document [
          {
            nixfleet.users.web = {
              shell = "/usr/sbin/nologin";
              description = lib.mkIf false "Web";
              home = lib.mkForce "/srv";
            };
          }
          { nixfleet.users.web.group = "web"; }
        ]).users
      ).unstated;
    expected = [
      "createHome"
      "system"
      "description"
    ];
  };

  "accounts that exist may have names that no new one may have" = {
    expr =
      let
        intent = document [
          {
            nixfleet.users."first.last".extraGroups = [ "Debian-exim" ];
            nixfleet.users.Ada.group = "Domain.Users";
          }
        ];
      in
      map (user: [
        user.name
        user.group
        user.extraGroups
      ]) intent.users;
    expected = [
      [
        "Ada"
        "Domain.Users"
        [ ]
      ]
      [
        "first.last"
        "first.last"
        [ "Debian-exim" ]
      ]
    ];
  };

  "a person gets a home and a shell" = {
    expr =
      lib.getAttrs
        [
          "home"
          "createHome"
          "shell"
          "system"
        ]
        (
          lib.head
            (document [
              {
                nixfleet.users.ada = {
                  system = false;
                  extraGroups = [ "sudo" ];
                };
              }
            ]).users
        );
    expected = {
      home = "/home/ada";
      createHome = true;
      shell = "/bin/bash";
      system = false;
    };
  };

  "a declared group keeps its id" = {
    expr =
      (document [
        {
          nixfleet.groups.web.gid = 990;
          nixfleet.users.web = { };
        }
      ]).groups;
    expected = [
      {
        name = "web";
        gid = 990;
      }
    ];
  };

  "SSH keys stand where only root can change them" = {
    expr =
      let
        intent = document [
          {
            nixfleet.users.root.openssh.authorizedKeys = [ "ssh-ed25519 AAAA root" ];
            nixfleet.users.ada = {
              system = false;
              openssh.authorizedKeys = [
                "ssh-ed25519 AAAA one"
                "ssh-ed25519 BBBB two"
              ];
            };
          }
        ];
      in
      {
        files = map (file: [
          file.path
          file.text
          file.mode
          file.reloadUnits
        ]) (declaredFiles intent);
        inherit (intent) directories;
        users = map (user: user.name) intent.users;
      };
    expected = {
      directories = [
        {
          path = "/etc/ssh/nixfleet-keys";
          mode = "0755";
          owner = "root";
          group = "root";
        }
      ];
      files = [
        [
          "/etc/ssh/nixfleet-keys/ada"
          "ssh-ed25519 AAAA one\nssh-ed25519 BBBB two\n"
          "0644"
          [ ]
        ]
        [
          "/etc/ssh/nixfleet-keys/root"
          "ssh-ed25519 AAAA root\n"
          "0644"
          [ ]
        ]
        [
          "/etc/ssh/sshd_config.d/60-nixfleet.conf"
          "AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys2 /etc/ssh/nixfleet-keys/%u\n"
          "0644"
          [ "ssh.service" ]
        ]
      ];
      # root is an account of the distribution, so the document does not contain it.
      users = [ "ada" ];
    };
  };
}
