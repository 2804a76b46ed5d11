# The backend for Ubuntu and Debian. It turns an intent into the Intent document, and builds a host closure
# from this document. ../default.nix describes the interface of a backend.
{ lib, types }:
let
  inherit (import ../../lib/document { inherit lib types; })
    accountMistakes
    closure
    entries
    healthChecks
    known
    paths
    references
    ;
  accounts = import ./accounts.nix {
    inherit
      accountMistakes
      known
      lib
      types
      ;
  };
  apt = import ./apt.nix { inherit lib types; };
  authorizedKeys = import ./authorized-keys.nix { inherit lib; };
  loginPath = import ./login-path.nix { inherit lib; };
  packageProfile = import ./package-profile.nix { inherit lib; };
  recovery = import ./recovery.nix;

  # The files, directories and links that the backend adds to the declared ones.
  additions = intent: [
    (loginPath intent.packages)
    (authorizedKeys intent.users)
    (apt.added intent.apt)
    recovery
  ];

  # `inOption` adds the option path to errors that appear only when a value is used, such as a missing file or
  # a package that does not evaluate.
  inherit (types.context) inOption;
  inPackages = inOption [
    "nixfleet"
    "packages"
  ];

  packageDocument =
    package:
    let
      entry = packageProfile.entry package;
    in
    entry // { path = inPackages entry.path; };

  # The units with files: a text of their own, or drop-ins.
  unitsWithFiles = lib.filterAttrs (_: unit: unit.text != null || unit.dropIns != { });

  # The part `unitStates` of the Intent document, if a unit of the distribution has a state.
  unitStates =
    units:
    let
      isStated =
        _: unit: unit.text == null && (unit.enabled != null || unit.running != null || unit.masked != null);
      state = name: unit: {
        inherit name;
        inherit (unit) enabled running masked;
      };
      states = lib.mapAttrsToList state (lib.filterAttrs isStated units);
    in
    lib.optionalAttrs (states != [ ]) { unitStates = states; };

  unitDocument = name: unit: {
    inherit name;
    enabled = if unit.text == null then null else unit.enabled;
    inherit (unit)
      text
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
      links = lib.foldl' (all: more: all // more.links or { }) intent.links added;
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
      directories = entries.directories directories;
      files = entries.files files;
      links = entries.links links;
      absent = entries.absent intent.absent;
      units = lib.mapAttrsToList unitDocument (unitsWithFiles intent.systemd.units);
      healthChecks = healthChecks host intent.healthChecks;
      inherit (intent) maxFileSize;
    }
    // apt.document intent.apt
    // unitStates intent.systemd.units;
in
import ../../lib/plain-host.nix {
  class = "nixfleetHost";
  inherit lib types;
}
// {
  # There is no NixOS system to activate.
  lacking.activationTimeout = { };

  newAccount = import ./new-account.nix;

  problems =
    {
      intent,
      options,
      inputs,
      ...
    }:
    accounts.problems { inherit intent options; }
    ++ apt.problems { inherit intent options; }
    ++ paths.problems {
      inherit intent options;
      # Only the paths of the added files are used here.
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
    closure {
      document = whole;
      inherit buildSystem builder;
    };
}
