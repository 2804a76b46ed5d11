# The part of a NixOS host that NixFleet's engine handles and NixOS does not: paths outside /etc, directories,
# absent paths and health checks. The Intent document of a NixOS host has nothing else.
{
  document,
  etc,
  lib,
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
in
{
  document =
    {
      host,
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
