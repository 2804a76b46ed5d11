{ lib, ... }:
{
  hosts.web-1.addr = "web-1";
  hosts.web-1.modules = [
    {
      _file = "hosts/web-1.nix";
      nixfleet.files = {
        "etc/relative".text = "x";
        "/etc/../shadow".text = "x";
        "/nix/store/x".text = "x";
        "/etc/passwd" = {
          text = "x";
          onConflict = "adopt";
        };
        "/etc/ld.so.cache".text = "x";
        "/etc/nothing" = { };
        "/etc/both" = {
          text = "x";
          source = ./files.nix;
        };
        "/etc/mode" = {
          text = "x";
          mode = 644;
        };
        "/etc/owner-and-group" = {
          text = "x";
          owner = "web:web";
        };
        "/etc/units" = {
          text = "x";
          restartUnits = [ "web" ];
        };
        "/etc/sudoers.d/x" = {
          text = "x";
          validate = [ "visudo" ];
        };
        "/etc/aliases" = {
          text = "x";
          onChange = [ "newaliases" ];
        };
        "/etc/no-command" = {
          text = "x";
          onChange = [ ];
        };
        "/etc/directory".source = ./calls;
        "/etc/typo" = {
          txet = "x";
        };
        "/etc/twice".text = "x";
        "/etc/systemd/system/a.service".text = "x";
      };
      nixfleet.directories."/etc/twice" = { };
      nixfleet.links."/etc/twice".target = "/srv/x";
      nixfleet.links."/etc/empty-link".target = "";
      nixfleet.links."/etc/no-target" = { };
      nixfleet.links."/etc/moved-link".source = "/srv/x";
      nixfleet.links."/etc/path-link".target = ./calls;
      nixfleet.links."/etc/shadow".target = "/srv/x";
      nixfleet.absent = {
        "/etc/shadow" = { };
        "/etc/ssh".recursive = true;
        "/home".recursive = true;
        "relative" = { };
        "/etc/force".force = true;
        "/etc/on-conflict".onConflict = "remove";
        "/etc/twice" = { };
      };
      nixfleet.directories."/etc/alternatives" = { };
      nixfleet.directories."/run/nixfleet-secrets/a" = { };
      nixfleet.systemd.units."a.service".text = "[Unit]\n";
    }
    {
      _file = "roles/one.nix";
      nixfleet.absent = [ "/etc/listed" ];
      nixfleet.files."/etc/owner" = {
        text = "x";
        owner = "one";
      };
    }
    {
      _file = "roles/two.nix";
      nixfleet.files."/etc/owner".owner = "two";
      nixfleet.files."/etc/conflict" = {
        text = lib.mkForce "x";
        onConflict = "overwrite";
      };
    }
  ];
}
