# `nixfleet.apt.pins.<name>`: priorities of versions (apt_preferences(5)).
{ lib, types }:
let
  inherit (lib) mkOption;

  selectors = [
    "release"
    "origin"
    "version"
  ];

  checkPin =
    { loc, value, ... }@given:
    let
      here = lib.showOption loc;
      set = lib.filter (field: value.${field} != null) selectors;
    in
    lib.optional (lib.length set != 1) (
      types.problem.about selectors (
        types.problem.at given
          "${here} has ${
            if set == [ ] then
              "none of ${lib.concatStringsSep ", " selectors}"
            else
              lib.concatStringsSep " and " set
          }"
          "a pin selects versions by exactly one of these"
          "${here}.release = \"o=Debian,n=bookworm-backports\";"
      )
    )
    ++ lib.optional (value.packages == [ ]) (
      types.problem.about [ "packages" ] (
        types.problem.at given "${here} names no packages" "a pin needs the packages to which it applies"
          "${here}.packages = [ \"*\" ];"
      )
    );

  pin = types.record {
    description = "a set that describes a pin";
    check = checkPin;
    elsewhere = {
      package = "packages";
      pin-priority = "priority";
      site = "origin";
      host = "origin";
    };
    fields = {
      packages = mkOption {
        type = types.listOf types.packagePattern;
        default = [ ];
        defaultText = lib.literalMD "none: the option must be set";
        example = [ "linux-image-*" ];
        description = "The packages to which the pin applies. `\"*\"` stands for all packages.";
      };
      priority = mkOption {
        type = types.pinPriority;
        defaultText = lib.literalMD "none: the option must be set";
        example = 900;
        description = ''
          The priority of the selected versions: 500 is usual, -1 forbids them, 1001 also replaces newer versions.
        '';
      };
      origin = mkOption {
        type = types.nullOr types.address;
        default = null;
        example = "packages.example.org";
        description = "The host name in the address of the package source.";
      };
      version = mkOption {
        type = types.nullOr types.packageVersion;
        default = null;
        example = "1.22.*";
        description = "The version. `*` stands for any characters.";
      };
    }
    // import ./pinned.nix { inherit lib types; };
  };
in
mkOption {
  type = types.entries {
    description = "a set of pins by name";
    key = types.label;
    keyExample = "backports";
    element = pin;
  };
  default = { };
  example = {
    backports = {
      packages = [ "nginx*" ];
      release = "n=bookworm-backports";
      priority = 500;
    };
  };
  description = ''
    Priorities of the versions that apt can choose from. Each pin is the file
    `/etc/apt/preferences.d/nixfleet-pin-<name>.pref`.
  '';
}
