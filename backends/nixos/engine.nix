# The work of our engine on a NixOS host, in addition to that of NixOS: paths outside /etc, directories,
# absent paths, and health checks. The Intent document has nothing else.
{
  document,
  etc,
  lib,
  ...
}:
let
  inherit (document) entries healthChecks;

  # The paths that are the engine's, by their options.
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

  # The names of the options that a plain NixOS activation ignores.
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
