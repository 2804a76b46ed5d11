# `nixfleet.apt.sources.<name>`: package sources, in the format of deb822 (sources.list(5)).
{ lib, types }:
let
  inherit (lib) mkOption;

  # The part of an address between `://` and the path: a host name, with or without a login and a port.
  authority = uri: lib.head (builtins.match "[^:]+://([^/]*).*" uri);
  hasLogin = uri: lib.hasInfix "@" (authority uri);

  isFlat = lib.hasSuffix "/";
  isKeyFile =
    source:
    lib.any (end: lib.hasSuffix end "${toString source}") [
      ".asc"
      ".gpg"
    ];

  checkSource =
    { loc, value, ... }@given:
    let
      here = lib.showOption loc;
      mistake = types.problem.at given;
      about = types.problem.about;
      at =
        field: what: why: example:
        about [ field ] (types.problem.at (given // { loc = loc ++ [ field ]; }) what why example);
      isPinned = value.onlyPackages != [ ] || value.priority != null;
      flat = lib.filter isFlat value.suites;
    in
    map
      (
        field:
        about [ field ] (
          mistake "${here} has no ${field}" "apt needs at least one"
            "${here}.${field} = [ ${
              {
                uris = "\"https://packages.example.org/debian\"";
                suites = "\"bookworm\"";
                types = "\"deb\"";
              }
              .${field}
            } ];"
        )
      )
      (
        lib.filter (field: value.${field} == [ ]) [
          "types"
          "uris"
          "suites"
        ]
      )
    ++ lib.optional (lib.any hasLogin value.uris) (
      at "uris" "${here}.uris contains a login" "everybody on the host can read the list of sources"
        "${here}.credentials = \"/etc/apt/app.credentials\";"
    )
    ++ lib.optional (flat != [ ] && value.components != [ ]) (
      about [ "suites" "components" ] (
        at "components" "${here} has components, but its suite ${lib.head flat} is a directory"
          "a suite that ends in \"/\" has no components"
          "${here}.components = [ ];"
      )
    )
    ++ lib.optional (flat == [ ] && value.suites != [ ] && value.components == [ ]) (
      about [ "suites" "components" ] (
        at "components" "${here} has no components" "only a suite that ends in \"/\" needs none"
          "${here}.components = [ \"main\" ];"
      )
    )
    ++ lib.optional ((value.key == null) == (value.keyring == null)) (
      about [ "key" "keyring" ] (
        mistake
          "${here} has ${if value.key == null then "neither" else "both"} key ${
            if value.key == null then "nor" else "and"
          } keyring"
          "apt must know which key signs the source: without it, apt would accept every key that the host trusts"
          "${here} = { key = ./app.asc; keyFingerprint = \"…\"; };"
      )
    )
    ++ lib.optional (value.key != null && !isKeyFile value.key) (
      at "key" "${here}.key is a file whose name ends in neither .asc nor .gpg"
        "apt reads the format of a key from its name: .asc for a key in ASCII armour, .gpg for a binary one"
        "${here}.key = ./app.asc;"
    )
    ++ lib.optional (value.key != null && value.keyFingerprint == null) (
      about [ "key" "keyFingerprint" ] (
        mistake "${here} has a key without keyFingerprint"
          "the fingerprint shows that the file is the key that you compared with its owner"
          "${here}.keyFingerprint = \"…\";  # gpg --show-keys FILE prints it"
      )
    )
    ++ lib.optional (value.key == null && value.keyFingerprint != null) (
      about [ "key" "keyFingerprint" ] (
        at "keyFingerprint" "${here} has a keyFingerprint without key"
          "NixFleet compares the fingerprint with the file in `key`, which is not set"
          "${here}.key = ./app.asc;"
      )
    )
    ++
      lib.optional (value.credentials != null && lib.hasPrefix "${builtins.storeDir}/" value.credentials)
        (
          at "credentials" "${here}.credentials is a file in the Nix store" "everybody can read the Nix store"
            "${here}.credentials = \"/etc/apt/app.credentials\";  # a file on the host that only root can read"
        )
    ++
      lib.optional (isPinned && value.release == null && !lib.all (uri: originOf uri != null) value.uris)
        (
          about [ "uris" "release" ] (
            mistake "${here} cannot be pinned by its address" "an address without a host name has no origin"
              "${here}.release = \"o=Example\";"
          )
        )
    ++ lib.optional (!isPinned && value.release != null) (
      about [ "onlyPackages" "priority" ] (
        at "release" "${here}.release has no effect" "the source has neither onlyPackages nor a priority"
          "${here}.onlyPackages = [ \"app\" ];"
      )
    );

  # The host name in an address, which apt calls the origin, or null.
  originOf =
    uri:
    let
      host = lib.head (lib.splitString ":" (lib.last (lib.splitString "@" (authority uri))));
    in
    if host == "" then null else host;

  source = types.record {
    description = "a set that describes a package source";
    check = checkSource;
    complete =
      _: value:
      value
      // {
        origins = lib.unique (lib.filter (host: host != null) (map originOf value.uris));
      };
    elsewhere = {
      url = "uris";
      urls = "uris";
      uri = "uris";
      location = "uris";
      suite = "suites";
      release = "suites";
      component = "components";
      repos = "components";
      arch = "architectures";
      architecture = "architectures";
      signedBy = "key";
      signed_by = "key";
      fingerprint = "keyFingerprint";
      pin = "priority";
    };
    fields = {
      types = mkOption {
        type = types.listOf (
          types.oneOf [
            "deb"
            "deb-src"
          ]
        );
        default = [ "deb" ];
        example = [
          "deb"
          "deb-src"
        ];
        description = "Whether the source has packages (`deb`), source packages (`deb-src`), or both.";
      };
      uris = mkOption {
        type = types.listOf types.sourceUri;
        default = [ ];
        defaultText = lib.literalMD "none: the option must be set";
        example = [ "https://packages.example.org/debian" ];
        description = "The addresses of the source. An address must not contain a login: use `credentials`.";
      };
      suites = mkOption {
        type = types.listOf types.suite;
        default = [ ];
        defaultText = lib.literalMD "none: the option must be set";
        example = [ "bookworm" ];
        description = "The suites. A suite that ends in `/` is a directory with an index, without components.";
      };
      components = mkOption {
        type = types.listOf types.component;
        default = [ ];
        example = [ "main" ];
        description = "The components of the suites.";
      };
      architectures = mkOption {
        type = types.listOf types.architecture;
        default = [ ];
        defaultText = lib.literalMD "the architectures of the host";
        example = [ "amd64" ];
        description = "The architectures for which apt reads the source.";
      };
      key = mkOption {
        type = types.nullOr types.fileSource;
        default = null;
        example = lib.literalExpression "./pgdg.asc";
        description = ''
          The file with the OpenPGP key that signs the source: `.asc` in ASCII armour, or `.gpg` binary. The file must
          have exactly one key. It is copied to `/etc/apt/keyrings`, and counts for this source only.
        '';
      };
      keyFingerprint = mkOption {
        type = types.nullOr types.keyFingerprint;
        default = null;
        example = "B97B 0AFC AA1A 47F0 44F2 44A0 7FCC 7D46 ACCC 4CF8";
        description = ''
          The fingerprint of the key, as `gpg --show-keys` prints it. The closure of the host cannot be built with
          another key. It must be set for a `key`.
        '';
      };
      keyring = mkOption {
        type = types.nullOr types.path;
        default = null;
        example = "/usr/share/keyrings/debian-archive-keyring.gpg";
        description = "The keyring on the host that signs the source, instead of a `key`.";
      };
      credentials = mkOption {
        type = types.nullOr types.path;
        default = null;
        example = "/etc/apt/app.credentials";
        description = ''
          A file on the host with the login for the source, in the format of apt_auth.conf(5). The file must exist on the
          host, belong to root, and have a mode such as 0600: if other users could read it, the plan that adds the source
          is refused. A link in `/etc/apt/auth.conf.d` leads apt to it.
        '';
      };
      onlyPackages = mkOption {
        type = types.listOf types.packagePattern;
        default = [ ];
        defaultText = lib.literalMD "all packages";
        example = [ "postgresql-*" ];
        description = ''
          The packages that apt may take from the source. Pins forbid all others. The pins select the source by the host
          name in its address, or by `release` if other sources have the same host name.
        '';
      };
      priority = mkOption {
        type = types.nullOr types.pinPriority;
        default = null;
        defaultText = lib.literalMD "500, which is apt's own default";
        example = 100;
        description = "The priority of the packages that apt takes from the source, see `nixfleet.apt.pins`.";
      };
    }
    // import ./pinned.nix { inherit lib types; };
  };
in
mkOption {
  type = types.entries {
    description = "a set of package sources by name";
    key = types.label;
    keyExample = "pgdg";
    element = source;
  };
  default = { };
  example = {
    pgdg = {
      uris = [ "https://packages.example.org/debian" ];
      suites = [ "bookworm-pgdg" ];
      components = [ "main" ];
      keyring = "/usr/share/keyrings/pgdg.gpg";
      onlyPackages = [ "postgresql-*" ];
    };
  };
  description = ''
    Package sources, in addition to those of the host. Each source is the file
    `/etc/apt/sources.list.d/nixfleet-<name>.sources`. apt reads a new source when it next updates its lists.
  '';
}
