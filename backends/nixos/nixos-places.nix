# Paths that a NixOS host should not declare. `made` lists paths that NixOS makes itself, and `unread` lists
# paths that nothing on NixOS reads. Each `help` says what to write instead.
{
  made = [
    {
      paths = [ "/etc/static" ];
      why = "it is NixOS's own link to the files below /etc";
      help = "declare the file in its place: nixfleet.files.\"/etc/app.conf\".text = \"…\";";
    }
    {
      paths = [
        "/etc/systemd/system"
        "/etc/systemd/user"
      ];
      why = "NixOS makes it of its units";
      help = "nixfleet.systemd.units.\"app.service\" = { … }; or for units of users, NixOS's own systemd.user.services";
    }
    {
      paths = [ "/etc/tmpfiles.d" ];
      why = "NixOS makes it of systemd.tmpfiles";
      help = "systemd.tmpfiles.rules = [ \"…\" ];";
    }
    {
      paths = [ "/etc/udev/rules.d" ];
      why = "NixOS makes it of services.udev";
      help = "services.udev.extraRules = \"…\";";
    }
    {
      paths = [ "/etc/dbus-1" ];
      why = "NixOS makes it of services.dbus";
      help = "services.dbus.packages = [ … ];";
    }
    {
      paths = [
        "/bin/sh"
        "/usr/bin/env"
      ];
      why = "NixOS makes it at each activation";
      help = "environment.binsh and environment.usrbinenv say what it is";
    }
    {
      paths = [
        "/run/booted-system"
        "/run/current-system"
        "/run/wrappers"
      ];
      why = "NixOS makes it of the running system";
      help = "nixfleet.packages, or security.wrappers, say what is in it";
    }
    {
      paths = [
        "/boot/EFI"
        "/boot/grub"
        "/boot/kernels"
        "/boot/loader"
      ];
      why = "it belongs to the boot loader";
      help = "boot.loader says what is in it";
    }
    {
      paths = [ "/var/lib/nixos" ];
      why = "NixOS records there which account has which id";
      help = "choose another path";
    }
  ];

  unread = [
    {
      paths = [ "/etc/sudoers.d" ];
      why = "sudo does not read it on NixOS";
      help = "security.sudo.extraRules = [ { … } ];";
    }
    {
      paths = [ "/etc/ssh/sshd_config.d" ];
      why = "sshd does not read it on NixOS";
      help = "services.openssh.settings = { … };";
    }
    {
      paths = [ "/etc/profile.d" ];
      why = "shells do not read it on NixOS";
      help = "environment.shellInit = \"…\"; or environment.variables";
    }
    {
      paths = [
        "/etc/cron.d"
        "/etc/cron.daily"
        "/etc/cron.hourly"
        "/etc/cron.monthly"
        "/etc/cron.weekly"
      ];
      why = "nothing reads it on NixOS";
      help = "nixfleet.systemd.units.\"app.timer\" = { … };";
    }
    {
      paths = [
        "/etc/netplan"
        "/etc/network"
      ];
      why = "it belongs to a tool of Debian or Ubuntu that NixOS does not have";
      help = "networking.interfaces, or systemd.network, say the same";
    }
    {
      paths = [
        "/etc/apt"
        "/etc/default/grub"
        "/etc/default/locale"
      ];
      why = "it belongs to tools of Debian or Ubuntu that NixOS does not have";
      help = "leave it to other hosts: lib.mkIf (host.base == \"ubuntu\") { … }";
    }
  ];
}
