# Paths that a NixOS host should not declare. `made` lists paths that NixOS makes itself, and `unread` lists
# paths that nothing on NixOS reads. The `help` of each entry says what to declare instead.
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
      why = "NixOS generates it from its units";
      help = "nixfleet.systemd.units.\"app.service\" = { … }; or, for units of users, NixOS's own systemd.user.services";
    }
    {
      paths = [ "/etc/tmpfiles.d" ];
      why = "NixOS generates it from systemd.tmpfiles";
      help = "systemd.tmpfiles.rules = [ \"…\" ];";
    }
    {
      paths = [ "/etc/udev/rules.d" ];
      why = "NixOS generates it from services.udev";
      help = "services.udev.extraRules = \"…\";";
    }
    {
      paths = [ "/etc/dbus-1" ];
      why = "NixOS generates it from services.dbus";
      help = "services.dbus.packages = [ … ];";
    }
    {
      paths = [
        "/bin/sh"
        "/usr/bin/env"
      ];
      why = "NixOS makes it at each activation";
      help = "set it with environment.binsh or environment.usrbinenv";
    }
    {
      paths = [
        "/run/booted-system"
        "/run/current-system"
        "/run/wrappers"
      ];
      why = "NixOS generates it from the running system";
      help = "set its content with nixfleet.packages or security.wrappers";
    }
    {
      paths = [
        "/boot/EFI"
        "/boot/grub"
        "/boot/kernels"
        "/boot/loader"
      ];
      why = "it belongs to the boot loader";
      help = "set its content with the options of boot.loader";
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
      help = "use networking.interfaces or systemd.network instead";
    }
    {
      paths = [
        "/etc/apt"
        "/etc/default/grub"
        "/etc/default/locale"
      ];
      why = "it belongs to tools of Debian or Ubuntu that NixOS does not have";
      help = "declare it only for other hosts: lib.mkIf (host.base == \"ubuntu\") { … }";
    }
  ];
}
