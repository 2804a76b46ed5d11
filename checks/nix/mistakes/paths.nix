{
  hosts.web-1.addr = "web-1";
  hosts.web-1.roles = [ "app" ];
  hosts.web-1.modules = [
    {
      _file = "hosts/web-1.nix";
      nixfleet.files = {
        "/etc/app/limits/web".text = "x";
        "/etc/app/limits/db".text = "x";
        "/etc/systemd/system/app.service.d".text = "x";
        "/etc/systemd/system/multi-user.target.wants/app.service".text = "x";
        "/etc/ssh/nixfleet-keys/ada".text = "x";
        "/etc/profile.d".text = "x";
        "/etc/systemd/system/nixfleet-recover.service".text = "x";
        "/srv/open/sub/a".text = "x";
        "/srv/sticky/a".text = "x";
        "/srv/current/app.conf".text = "x";
      };
      nixfleet.files."/home/bob".text = "x";
      nixfleet.users.bob.system = false;
      nixfleet.users.eve = {
        createHome = true;
        home = "/srv/sticky/a/eve";
      };
      nixfleet.users.ada.openssh.authorizedKeys = [ "ssh-ed25519 AAAA ada" ];
      nixfleet.directories."/etc/app/limits" = { };
      nixfleet.absent = {
        "/etc/app/absent" = { };
        "/srv/gone" = { };
        "/srv/open" = { };
        "/home/carl".recursive = true;
        "/etc/systemd/system/one.service" = { };
        "/etc/systemd/system/a.target.wants/job@main.service" = { };
        "/etc/systemd".recursive = true;
      };
      nixfleet.files."/srv/gone/deep/a".text = "x";
      nixfleet.users.carl.system = false;
      nixfleet.links."/srv/current".target = "/srv/releases/1";
    }
  ];
  roles.app =
    { pkgs, ... }:
    {
      _file = "roles/app.nix";
      nixfleet.files."/etc/app".source = ./paths.nix;
      nixfleet.packages = [ pkgs.hello ];
      nixfleet.directories."/srv/open".mode = "0770";
      nixfleet.directories."/srv/sticky".mode = "1777";
      nixfleet.directories."/etc/systemd/system/web.service.d/10-limits.conf" = { };
      nixfleet.systemd.units = {
        "app.service" = {
          sections.Service.ExecStart = "/bin/app";
          sections.Install.WantedBy = "multi-user.target";
          dropIns."10-limits.conf".sections.Service.MemoryMax = "1G";
        };
        "web.service".dropIns."10-limits.conf".sections.Service.MemoryMax = "1G";
        "one.service".text = "[Service]\nExecStart=/bin/a\n[Install]\nAlias=www.service\n";
        "two.service".text = "[Service]\nExecStart=/bin/a\n[Install]\nAlias=www.service\n";
        "job@.service".text =
          "[Service]\nExecStart=/bin/a\n\n[Install]\nWantedBy=a.target\nDefaultInstance=main\n";
        "job@main.service".text = "[Service]\nExecStart=/bin/a\n[Install]\nWantedBy=a.target b.target\n";
      };
    };
}
