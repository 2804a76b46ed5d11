# The backend for Ubuntu and Debian: intent → the Intent document → host closure. ../default.nix says what a
# backend is.
{ lib, types }:
let
  accounts = import ./accounts.nix { inherit known lib types; };
  authorizedKeys = import ./authorized-keys.nix { inherit lib; };
  healthChecks = import ../../lib/document/health-checks.nix { inherit known lib types; };
  known = import ../../lib/document/known.nix { inherit lib; };
  loginPath = import ./login-path.nix { inherit lib; };
  packageProfile = import ./package-profile.nix { inherit lib; };
  paths = import ../../lib/document/paths.nix { inherit lib types; };
  recovery = import ./recovery.nix;
  references = import ../../lib/document/references.nix { inherit lib types; };

  # Files and directories that the backend adds to the declared ones.
  additions = intent: [
    (loginPath intent.packages)
    (authorizedKeys intent.users)
    recovery
  ];

  # Adds the option to errors that appear only when a value is used: a missing file, a package that does not
  # evaluate.
  inherit (types.context) inOption;
  inPackages = inOption [
    "nixfleet"
    "packages"
  ];

  fourDigits = mode: if builtins.stringLength mode == 3 then "0${mode}" else mode;

  inAccess = [
    "group"
    "mode"
    "onConflict"
    "owner"
  ];
  directoryFields = known inAccess;
  fileFields = known (
    inAccess
    ++ [
      "reloadUnits"
      "restartUnits"
      "text"
    ]
  );

  directoryDocument =
    path: directory:
    directoryFields directory
    // {
      inherit path;
      mode = fourDigits directory.mode;
    };

  linkDocument = path: link: {
    inherit path;
    inherit (link) onConflict;
    target = types.storeText link.target;
  };

  absentDocument = path: absent: {
    inherit path;
    inherit (absent)
      recursive
      restartUnits
      reloadUnits
      onConflict
      ;
  };

  packageDocument =
    package:
    let
      entry = packageProfile.entry package;
    in
    entry // { path = inPackages entry.path; };

  command = map types.storeText;

  fileDocument =
    path: file:
    fileFields file
    // {
      inherit path;
      source =
        if file.source == null then
          null
        else
          inOption [
            "nixfleet"
            "files"
            path
            "source"
          ] (types.storeSource file.source);
      validate = if file.validate == null then null else command file.validate;
      onChange = if file.onChange == null then null else command file.onChange;
      mode = fourDigits file.mode;
    };

  unitDocument = name: unit: {
    inherit name;
    inherit (unit)
      text
      enabled
      restartIfChanged
      reloadIfChanged
      stopIfRemoved
      startTimeout
      settle
      verify
      onConflict
      ;
    dropIns = lib.mapAttrsToList (name: dropIn: {
      inherit name;
      inherit (dropIn) text;
    }) unit.dropIns;
  };

  # The Intent document, the input of `nixfleet-activate build` (contract/src/intent.rs).
  document =
    {
      host,
      intent,
      activator,
    }:
    let
      added = additions intent;
      files = lib.foldl' (all: more: all // more.files) intent.files added;
      directories = lib.foldl' (all: more: all // more.directories) intent.directories added;
    in
    {
      schema = 1;
      host = host.name;
      inherit (host) base system;
      inherit activator;
      profile = inPackages (packageProfile.build host.name intent.packages);
      packages = map packageDocument intent.packages;
      groups = accounts.groups intent;
      users = accounts.users intent;
      directories = lib.mapAttrsToList directoryDocument directories;
      files = lib.mapAttrsToList fileDocument files;
      links = lib.mapAttrsToList linkDocument intent.links;
      absent = lib.mapAttrsToList absentDocument intent.absent;
      units = lib.mapAttrsToList unitDocument intent.systemd.units;
      healthChecks = healthChecks host intent.healthChecks;
      inherit (intent) maxFileSize;
    };
in
{
  class = "nixfleetHost";

  families = known: known;

  newAccount = import ./new-account.nix;

  problems =
    {
      intent,
      options,
      inputs,
    }:
    accounts.problems { inherit intent options; }
    ++ paths.problems {
      inherit intent options;
      # Only the paths matter here.
      added = additions intent;
    }
    ++ references.problems { inherit intent options inputs; };

  toplevelFor =
    {
      host,
      intent,
      activator,
      ...
    }:
    let
      whole = document { inherit host intent activator; };
    in
    { buildSystem, builder }:
    import ./closure.nix {
      document = whole;
      inherit buildSystem builder;
    };
}
