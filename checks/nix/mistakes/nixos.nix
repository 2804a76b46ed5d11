# Options of NixOS, options of a host in a module of the inventory, and options of the inventory in a host.
{
  network.ssh.user = "deploy";
  nixfleet.files."/etc/a".text = "x";
  packages = [ ];
  services.nginx.enable = true;
  groups.web = [ "web-1" ];

  hosts.web-1.addr = "web-1";
  hosts.web-1.modules = [
    {
      boot.kernel.sysctl."vm.swappiness" = 10;
      environment.systemPackages = [ ];
      networking.firewall.allowedTCPPorts = [ 80 ];
      nixpkgs.overlays = [ ];
      programs.zsh.enable = true;
      services.nginx = {
        enable = true;
      };
      systemd.timers.backup.timerConfig.OnCalendar = "daily";
      time.timeZone = "Europe/Berlin";
      users.users.ada.isNormalUser = true;
      virtualisation.docker.enable = true;
    }
    {
      environment.etc."app.conf".text = "x";
      users.groups.app = { };
    }
    {
      files."/etc/a".text = "x";
      systemd.units."a.service".text = "x";
      users.ada.system = false;
      tags = [ "web" ];
      defaults.base = "ubuntu";
      nothing = true;
    }
  ];
}
