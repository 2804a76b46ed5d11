# Tests with parts of release 22.11 of nixpkgs. NixFleet's part of a NixOS configuration is evaluated with the
# NixOS modules of that release for users, groups, sudo, host names and packages.
{
  evalFleet,
  evalNixos,
  lib,
  mkFleet,
  ...
}:
let

  # Returns the files that declare an option, relative to the directory `nixos` of nixpkgs.
  declaredIn =
    option: map (file: lib.last (lib.splitString "/nixos/" (toString file))) option.declarations;

  fails = config: map (each: each.message) (lib.filter (each: !each.assertion) config.assertions);

  accounts = evalNixos [
    {
      nixfleet.groups.team.gid = 1100;
      nixfleet.users.app.extraGroups = [ "adm" ];
      nixfleet.users.ada = {
        system = false;
        uid = 1001;
        group = "team";
        home = "/srv/ada";
        createHome = false;
        shell = "/bin/sh";
        description = "Ada Lovelace";
        openssh.authorizedKeys = [ "ssh-ed25519 AAAA ada" ];
      };
    }
  ];

  onHost =
    module:
    (evalFleet {
      defaults.ssh.authorizedKeys = [ "ssh-ed25519 AAAA ada" ];
      hosts.host = {
        addr = "10.0.0.1";
        base = "nixos";
        ssh.user = "deploy";
        modules = [ (mkFleet { }).nixfleetModules.${module} ];
      };
      hosts.web-1 = {
        addr = "10.0.0.2";
        facts.fqdn = "web-1.example.org";
      };
    }).intents.host;
in
{
  "the modules under test are those of NixOS" = {
    expr = lib.mapAttrs (_: declaredIn) {
      inherit (accounts.options.networking) hosts;
      inherit (accounts.options.nixpkgs) overlays;
      inherit (accounts.options.security.sudo) extraRules;
      inherit (accounts.options.users) groups;
    };
    expected = {
      hosts = [ "modules/config/networking.nix" ];
      overlays = [ "modules/misc/nixpkgs.nix" ];
      extraRules = [ "modules/security/sudo.nix" ];
      groups = [ "modules/config/users-groups.nix" ];
    };
  };

  "users and groups are NixOS's" = {
    expr =
      let
        inherit (accounts.config.users) users groups;
        fields = [
          "isNormalUser"
          "isSystemUser"
          "uid"
          "group"
          "extraGroups"
          "home"
          "createHome"
          "description"
        ];
      in
      {
        mistakes = accounts.problems;
        assertions = fails accounts.config;
        app = lib.getAttrs fields users.app;
        ada = lib.getAttrs (fields ++ [ "shell" ]) users.ada // {
          inherit (users.ada.openssh.authorizedKeys) keys;
        };
        groups = lib.mapAttrs (_: group: group.gid) { inherit (groups) app team; };
        hasOwnGroup = groups ? ada;
      };
    expected = {
      mistakes = [ ];
      assertions = [ ];
      app = {
        isNormalUser = false;
        isSystemUser = true;
        uid = null;
        group = "app";
        extraGroups = [ "adm" ];
        home = "/var/lib/app";
        createHome = false;
        description = "";
      };
      ada = {
        isNormalUser = true;
        isSystemUser = false;
        uid = 1001;
        group = "team";
        extraGroups = [ ];
        home = "/srv/ada";
        createHome = false;
        shell = "/bin/sh";
        description = "Ada Lovelace";
        keys = [ "ssh-ed25519 AAAA ada" ];
      };
      groups = {
        app = null;
        team = 1100;
      };
      hasOwnGroup = false;
    };
  };

  "fleet-deploy-user gives NixOS's sudoers file a rule without a password" = {
    expr =
      let
        host = onHost "fleet-deploy-user";
        lines = lib.splitString "\n" host.config.security.sudo.configFile;
      in
      {
        assertions = fails host.config;
        rules = lib.filter (lib.hasPrefix "deploy") lines;
      };
    expected = {
      assertions = [ ];
      rules = [ "deploy\tALL=(ALL:ALL)\tNOPASSWD: ALL" ];
    };
  };

  "fleet-hosts adds to NixOS's names of hosts" = {
    expr =
      let
        host = onHost "fleet-hosts";
        # NixOS makes /etc/hosts of several files. The second of them has the names from `networking.hosts`.
        names = lib.elemAt host.config.networking.hostFiles 1;
      in
      {
        inherit (host.config.networking) hosts;
        file = lib.filter (lib.hasPrefix "10.0.0.") (lib.splitString "\n" names.text);
      };
    expected = {
      hosts = {
        "10.0.0.1" = [ "host" ];
        "10.0.0.2" = [
          "web-1.example.org"
          "web-1"
        ];
        "127.0.0.2" = [ "host" ];
        "::1" = [ "host" ];
      };
      file = [
        "10.0.0.1 host"
        "10.0.0.2 web-1.example.org web-1"
      ];
    };
  };

  "modules get NixOS's pkgs, with the host's overlays and config" = {
    expr =
      let
        host = evalNixos [
          {
            nixpkgs.overlays = [ (_: prev: { hello = prev.hello_1; }) ];
            nixpkgs.config.allowUnfree = true;
          }
          (
            { pkgs, ... }:
            {
              nixfleet.packages = [ pkgs.hello ];
              environment.etc.unfree.text = lib.boolToString pkgs.config.allowUnfree;
            }
          )
        ];
      in
      {
        mistakes = host.problems;
        hello = lib.filter (lib.hasPrefix "hello") (
          map (package: package.name) host.config.environment.systemPackages
        );
        unfree = host.config.environment.etc.unfree.text;
      };
    expected = {
      mistakes = [ ];
      hello = [ "hello-1.0" ];
      unfree = "true";
    };
  };
}
