# Compiles `nixfleet.apt`: the files that apt reads, and the part of the Intent document about packages.
{ lib, types }:
let
  addedFile = import ./added-file.nix;
  inherit (types) problem;
  inherit (types.context) inOption;

  words = lib.concatStringsSep " ";

  # The lines of a stanza in the format of deb822. A field without a value has no line.
  stanza = fields: lib.concatMapStrings line (lib.filter (field: field.value != "") fields);
  line = { name, value }: "${name}: ${value}\n";
  field = name: value: { inherit name value; };

  keyPath =
    name: source:
    if source.key == null then
      source.keyring
    else
      "/etc/apt/keyrings/nixfleet-${name}.${
        if lib.hasSuffix ".asc" "${toString source.key}" then "asc" else "gpg"
      }";

  sourceText =
    name: source:
    "# nixfleet.apt.sources.${name}\n"
    + stanza [
      (field "Types" (words source.types))
      (field "URIs" (words source.uris))
      (field "Suites" (words source.suites))
      (field "Components" (words source.components))
      (field "Architectures" (words source.architectures))
      (field "Signed-By" (keyPath name source))
    ];

  pinStanza =
    packages: pin: priority:
    stanza [
      (field "Package" (words packages))
      (field "Pin" pin)
      (field "Pin-Priority" (toString priority))
    ];

  # The text with which a pin selects versions.
  selects =
    pin:
    if pin.release != null then
      "release ${pin.release}"
    else if pin.version or null != null then
      "version ${pin.version}"
    else
      "origin \"${pin.origin}\"";

  isPinned = source: source.onlyPackages != [ ] || source.priority != null;

  # The pins of a source: one stanza for its packages, and one that forbids all others. apt prefers a stanza
  # that names packages to a stanza for all packages.
  sourcePins =
    name: source:
    let
      selected =
        if source.release != null then
          [ (selects source) ]
        else
          map (origin: selects (source // { inherit origin; })) source.origins;
      priority = if source.priority == null then 500 else source.priority;
      of =
        pin:
        if source.onlyPackages == [ ] then
          [ (pinStanza [ "*" ] pin priority) ]
        else
          [
            (pinStanza source.onlyPackages pin priority)
            (pinStanza [ "*" ] pin (-1))
          ];
    in
    "# nixfleet.apt.sources.${name}\n\n" + lib.concatStringsSep "\n" (lib.concatMap of selected);

  pinText =
    name: pin: "# nixfleet.apt.pins.${name}\n\n" + pinStanza pin.packages (selects pin) pin.priority;

  sourceFiles =
    name: source:
    {
      "/etc/apt/sources.list.d/nixfleet-${name}.sources" = addedFile (sourceText name source);
    }
    // lib.optionalAttrs (source.key != null) {
      ${keyPath name source} = addedFile null // {
        source = keyFile name source;
      };
    }
    // lib.optionalAttrs (isPinned source) {
      "/etc/apt/preferences.d/nixfleet-source-${name}.pref" = addedFile (sourcePins name source);
    };

  files =
    apt:
    lib.foldl' (all: source: all // source) { } (lib.mapAttrsToList sourceFiles apt.sources)
    // lib.mapAttrs' (
      name: pin:
      lib.nameValuePair "/etc/apt/preferences.d/nixfleet-pin-${name}.pref" (addedFile (pinText name pin))
    ) apt.pins;

  keyFile =
    name: source:
    inOption [
      "nixfleet"
      "apt"
      "sources"
      name
      "key"
    ] (types.storeSource source.key);

  links =
    apt:
    lib.mapAttrs' (
      name: source:
      lib.nameValuePair "/etc/apt/auth.conf.d/nixfleet-${name}.conf" {
        target = source.credentials;
        onConflict = "fail";
      }
    ) (lib.filterAttrs (_: source: source.credentials != null) apt.sources);

  fingerprint = text: lib.toUpper (lib.replaceStrings [ " " ] [ "" ] text);

  key = name: source: {
    option = "nixfleet.apt.sources.${name}.key";
    path = keyPath name source;
    fingerprint = fingerprint source.keyFingerprint;
  };

  package = name: package: {
    inherit name;
    inherit (package)
      state
      version
      hold
      recommends
      start
      ;
    debconf = lib.mapAttrsToList (question: answer: {
      inherit question;
      inherit (answer) type value;
    }) package.debconf;
  };

  # The mistake of an entry of a field of the option, such as a package.
  mistake =
    option: field: name: rest:
    let
      declares =
        def:
        lib.isAttrs def.value && lib.isAttrs (def.value.${field} or null) && def.value.${field} ? ${name};
      defs = option.definitionsWithLocations;
      def = lib.findFirst declares (lib.head defs) defs;
    in
    problem.make (
      {
        loc = option.loc ++ [
          field
          name
        ];
        def = {
          inherit (def) file;
        }
        // lib.optionalAttrs (declares def) {
          parent = def.value.${field};
          attr = name;
        };
      }
      // rest
    );

  isEmpty = apt: apt.packages == { } && apt.sources == { } && apt.pins == { } && apt.holds == [ ];

  # Sources that share a host name cannot be told apart by it, so a pin would apply to all of them.
  sharedOrigins =
    { sources, option }:
    let
      shown =
        name:
        lib.showOption (
          option.loc
          ++ [
            "sources"
            name
          ]
        );
      clash =
        name: origin: other:
        mistake option "sources" name {
          what = "the pins of ${shown name} would also apply to ${shown other}";
          why = "the addresses of both have the host name ${origin}";
          example = "${shown name}.release = \"o=Example\";  # as `apt-cache policy` shows it";
        };
      of =
        name: source:
        lib.concatMap (
          origin:
          map (clash name origin) (
            lib.filter (other: other != name && lib.elem origin sources.${other}.origins) (
              lib.attrNames sources
            )
          )
        ) source.origins;
    in
    lib.concatLists (
      lib.mapAttrsToList of (
        lib.filterAttrs (_: source: isPinned source && source.release == null) sources
      )
    );

  # A package cannot be held and not be installed.
  heldAbsent =
    { apt, option }:
    let
      absent = lib.filterAttrs (_: package: package.state != "present") apt.packages;
      clash =
        name:
        mistake option "packages" name {
          what = "${name} is declared as ${absent.${name}.state}, and nixfleet.apt.holds holds it";
          why = "apt does not remove a package that is held";
          help = "remove ${name} from nixfleet.apt.holds";
        };
    in
    map clash (lib.filter (name: lib.elem name apt.holds) (lib.attrNames absent));
in
{
  # The files and links that apt reads, in the form of the additions of ./default.nix.
  added =
    apt:
    if apt.sources == { } && apt.pins == { } then
      {
        reason = "for nixfleet.apt";
        files = { };
        links = { };
        directories = { };
      }
    else
      {
        reason = "for nixfleet.apt";
        files = files apt;
        links = links apt;
        directories = { };
      };

  # The part `apt` of the Intent document (contract/src/apt/intent.rs), if the host has one.
  document =
    apt:
    lib.optionalAttrs (!isEmpty apt) {
      apt = {
        packages = lib.mapAttrsToList package apt.packages;
        holds = lib.unique apt.holds;
        inherit (apt) lockTimeout;
        keys = lib.mapAttrsToList key (lib.filterAttrs (_: source: source.key != null) apt.sources);
      };
    };

  problems =
    { intent, options, ... }:
    let
      inherit (intent) apt;
      option = options.nixfleet.apt;
    in
    lib.optionals (apt.sources != { }) (sharedOrigins {
      inherit (apt) sources;
      inherit option;
    })
    ++ lib.optionals (apt.holds != [ ]) (heldAbsent {
      inherit apt option;
    });
}
