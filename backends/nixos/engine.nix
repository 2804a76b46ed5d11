# The Intent document of a NixOS host. It has the NixOS system, and everything that NixFleet's engine handles
# and NixOS does not: paths outside /etc, directories, absent paths and health checks.
{
  declared,
  document,
  etc,
  lib,
  owners,
  ...
}:
let
  inherit (document) entries healthChecks;

  # The paths that the engine makes or removes. Each attribute name is the option that declares its paths.
  paths = intent: {
    inherit (intent) absent directories;
    files = etc.outside intent.files;
    links = etc.outside intent.links;
  };

  # The boot loader of the host, if it can boot a generation once without a change of the boot default. Not
  # every NixOS has these options: the modules of boot loaders can be disabled.
  loader =
    { boot, ... }:
    if boot.loader.systemd-boot.enable or false then
      "systemd-boot"
    else if boot.loader.grub.enable or false then
      "grub"
    else
      null;
in
{
  document =
    {
      host,
      config,
      intent,
      activator,
    }:
    let
      own = paths intent;
    in
    {
      schema = 1;
      host = host.name;
      inherit (host) base system;
      inherit activator;
      profile = null;
      packages = [ ];
      groups = [ ];
      users = [ ];
      units = [ ];
      directories = entries.directories own.directories;
      files = entries.files own.files;
      links = entries.links own.links;
      absent = entries.absent own.absent;
      healthChecks = healthChecks host intent.healthChecks;
      inherit (intent) maxFileSize;
      nixos = {
        toplevel = "${config.system.build.toplevel}";
        inherit (intent) activationTimeout;
        loader = loader config;
        accounts = owners.accounts config intent;
        declared = declared config intent;
      };
    };

  # The declarations that a plain NixOS activation ignores, each as the name of its option.
  outsiders =
    intent:
    let
      ofOption =
        option: names:
        map (
          name:
          lib.showOption [
            "nixfleet"
            option
            name
          ]
        ) names;
    in
    lib.concatLists (
      lib.mapAttrsToList (option: entries: ofOption option (lib.attrNames entries)) (paths intent)
    );
}
