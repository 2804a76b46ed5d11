# Advice for option names that a user's module uses where no such option exists: options of NixOS, options of
# the inventory in a host's module, and options of a host in a module of the inventory. Each advice is a
# function that takes the value that the module defines, and returns further attributes of the problem.
{ lib }:
let
  # The name to use in an example: the first attribute name of the set `value`, or `default` if there is no
  # such name.
  first =
    value: default:
    let
      names = if lib.isAttrs value && !(value ? _type) then lib.attrNames value else [ ];
    in
    if names == [ ] then default else lib.head names;
  has = value: name: lib.isAttrs value && value ? ${name};

  ofNixos = example: value: {
    what = name: "the option ${name} is one of NixOS, and does not exist here";
    why = "an Ubuntu or Debian host keeps its distribution; modules set options under nixfleet only";
    example = example value;
  };

  # The same advice as `ofNixos`. In addition it says how a role can set NixOS's options, because the role may
  # belong to NixOS hosts too.
  inRole =
    example: value:
    ofNixos example value
    // {
      why = "an Ubuntu or Debian host keeps its distribution; modules set options under nixfleet. A role for both bases sets the options of NixOS in lib.optionalAttrs (host.base == \"nixos\") { … }";
    };

  # The example for NixOS's option `systemd`: how to declare the same unit with NixFleet.
  unit =
    value:
    let
      suffixes = {
        automounts = "automount";
        mounts = "mount";
        paths = "path";
        services = "service";
        slices = "slice";
        sockets = "socket";
        targets = "target";
        timers = "timer";
      };
      kind = lib.findFirst (has value) "services" (lib.attrNames suffixes);
      suffix = suffixes.${kind};
      section = lib.toUpper (lib.substring 0 1 suffix) + lib.substring 1 (-1) suffix;
    in
    if has value "tmpfiles" then
      "nixfleet.files.\"/etc/tmpfiles.d/app.conf\".text = \"…\";"
    else
      "nixfleet.systemd.units.\"${first (value.${kind} or { }) "app"}.${suffix}\".sections.${
        if kind == "targets" then "Unit" else section
      } = { … };";

  nixos = {
    boot = _: "nixfleet.files.\"/etc/sysctl.d/60-app.conf\".text = \"vm.swappiness = 10\\n\";";
    environment =
      value:
      if has value "etc" then
        "nixfleet.files.\"/etc/${first value.etc "app.conf"}\".text = \"…\";"
      else
        "nixfleet.packages = [ pkgs.htop ];";
    fileSystems =
      _: "nixfleet.systemd.units.\"srv.mount\".sections.Mount = { What = \"…\"; Where = \"/srv\"; };";
    i18n = _: "nixfleet.files.\"/etc/default/locale\".text = \"LANG=en_GB.UTF-8\\n\";";
    networking =
      value:
      if has value "firewall" || has value "nftables" then
        "nixfleet.files.\"/etc/nftables.conf\".text = \"…\";"
      else
        "nixfleet.files.\"/etc/netplan/60-app.yaml\".text = \"…\";";
    nix = _: "nixfleet.files.\"/etc/nix/nix.conf\".text = \"…\";";
    nixpkgs =
      value:
      "nixpkgs.${first value "config"} = …;  # in fleet.nix; or hosts.<name>.nixpkgs.${first value "config"}";
    programs = value: "nixfleet.packages = [ pkgs.${first value "htop"} ];";
    security = _: "nixfleet.files.\"/etc/sudoers.d/app\".text = \"…\";";
    services =
      value:
      "nixfleet.systemd.units.\"${first value "app"}.service\".sections.Service.ExecStart = \"…\";";
    swapDevices = _: "nixfleet.systemd.units.\"swapfile.swap\".sections.Swap.What = \"/swapfile\";";
    systemd = unit;
    time = _: "nixfleet.files.\"/etc/timezone\".text = \"Europe/Berlin\\n\";";
    users =
      value:
      if has value "groups" then
        "nixfleet.groups.${first value.groups "app"} = { };"
      else
        "nixfleet.users.${first (value.users or { }) "ada"} = { system = false; };";
  }
  // lib.genAttrs [
    "console"
    "containers"
    "disko"
    "documentation"
    "fonts"
    "gtk"
    "hardware"
    "home-manager"
    "image"
    "location"
    "power"
    "powerManagement"
    "qt"
    "sops"
    "specialisation"
    "system"
    "virtualisation"
    "xdg"
    "zramSwap"
  ] (_: _: "nixfleet.files.\"/etc/…\".text = \"…\";");

  # The advice for an option family that is written without its prefix `nixfleet`.
  bare = name: _: {
    why = "the options of a host are set under nixfleet";
    example = "nixfleet.${name} = …;";
  };
  families = [
    "activationTimeout"
    "apt"
    "directories"
    "files"
    "groups"
    "healthChecks"
    "maxFileSize"
    "packages"
  ];

  inventory = name: _: {
    why = "it is an option of the inventory, but this is a module of a host or role";
    example = "${name} = …;  # in fleet.nix, one of the modules of mkFleet";
  };

  intent = name: {
    why = "it is an option of hosts, but this is a module of the inventory";
    example = "hosts.web-1.modules = [ { ${name} = …; } ];  # or in a role";
  };

  inAnyHost =
    lib.genAttrs families bare
    // lib.genAttrs [ "defaults" "hosts" "notifications" "roles" "tags" ] inventory
    // {
      network = inventory "defaults";
    };
in
{
  # The advice for names in modules of hosts and roles that is right for each base.
  inherit inAnyHost;

  # The advice for names in modules of hosts and roles, if the host keeps its distribution.
  inHost =
    lib.mapAttrs (_: inRole) nixos
    // {
      nixpkgs = value: {
        why = "the packages of an Ubuntu or Debian host are an option of the inventory, but this is a module of a host or role";
        example = nixos.nixpkgs value;
      };
    }
    // inAnyHost
    // {
      # `users` and `systemd` are options of NixOS. They are also NixFleet's options `nixfleet.users` and
      # `nixfleet.systemd` without the prefix. The value that the module defines shows which option was meant.
      users =
        value:
        if has value "users" || has value "groups" then inRole nixos.users value else bare "users" value;
      systemd =
        value: if has value "units" then bare "systemd.units" value else inRole nixos.systemd value;
    };

  # The advice for names in modules of the inventory.
  inFleet =
    lib.mapAttrs (_: example: ofNixos (value: "hosts.web-1.modules = [ { ${example value} } ];")) nixos
    // lib.genAttrs families (name: _: intent "nixfleet.${name}")
    // {
      nixfleet = value: intent "nixfleet.${first value "files"}";
      network = _: {
        why = "only the short form of mkFleet (its argument `fleet`) uses this name";
        example = "defaults = …;";
      };
      groups = _: {
        why = "hosts are grouped by their tags";
        example = "hosts.web-1.tags = [ \"web\" ];";
      };
    };
}
