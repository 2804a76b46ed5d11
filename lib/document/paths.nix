# Finds conflicts between declared paths. Each path may be declared once, and no path may be below a file, a
# link or an absent path.
#
# A family is { as; entries; declared; }. `as` is a phrase for messages that says how the family declares a
# path. `entries` has its declarations by path. `declared path` returns the origin of the path's declaration:
# { loc; def; } if a module declares the path, or { reason; } if NixFleet itself adds the path.
{
  install,
  lib,
  types,
}:
let
  inherit (builtins)
    attrNames
    concatMap
    dirOf
    groupBy
    intersectAttrs
    isAttrs
    length
    ;
  inherit (types) problem;

  installLinks = import ./install-links.nix { inherit install lib types; };

  unitDirectory = "${types.shared.unitDirectory}/";

  # All parent directories of the given paths, as a set whose attribute names are the directories. This
  # function runs for each host, so it avoids slow helper functions.
  above =
    paths:
    let
      directories = removeAttrs (groupBy dirOf paths) [
        "/"
        "."
      ];
    in
    if directories == { } then { } else above (attrNames directories) // directories;

  families =
    {
      intent,
      added,
      options,
    }:
    let
      ofOption = option: entries: as: {
        inherit as entries;
        declared = path: {
          loc = option.loc ++ [ path ];
          def = types.definitionOf option path;
        };
      };

      # A family for the files and links of units. A mistake is reported at the unit, or at the drop-in that
      # declares the path.
      ofUnits = as: entries: {
        inherit as entries;
        declared =
          path:
          let
            inherit (entries.${path}) unit dropIn;
            def = types.definitionOf options.nixfleet.systemd.units unit;
            dropIns = def.parent.${unit}.dropIns or null;
            loc = options.nixfleet.systemd.units.loc ++ [ unit ];
          in
          if dropIn == null then
            { inherit loc def; }
          else
            {
              loc = loc ++ [
                "dropIns"
                dropIn
              ];
              def =
                if isAttrs dropIns && dropIns ? ${dropIn} then
                  {
                    inherit (def) file;
                    parent = dropIns;
                    attr = dropIn;
                  }
                else
                  def;
            };
      };

      filesOf =
        unit: value:
        lib.optionalAttrs (value.text != null) {
          ${unitDirectory + unit} = {
            inherit unit;
            dropIn = null;
          };
        }
        // lib.mapAttrs' (
          dropIn: _: lib.nameValuePair "${unitDirectory}${unit}.d/${dropIn}" { inherit unit dropIn; }
        ) value.dropIns;
      unitFiles = lib.foldl' (all: each: all // each) { } (
        lib.mapAttrsToList filesOf intent.systemd.units
      );

      # Most install links have the same name as their unit, so they can clash only with a path that the user
      # declares in a subdirectory of the unit directory. Aliases and links of template instances have other
      # names, so they can clash with any declared path.
      declaresBelow =
        above (attrNames (intent.files // intent.links // intent.absent // intent.directories))
          ? ${dirOf unitDirectory};
      couldClash =
        unit: value:
        value.enabled == true
        && value.text != null
        && (declaresBelow || lib.hasInfix "@." unit || lib.hasInfix "\nAlias" value.text);
      linksOf =
        unit: value:
        ofUnits "as a link of an [Install] section" (
          lib.mapAttrs (_: _: {
            inherit unit;
            dropIn = null;
          }) (installLinks unit value.text)
        );
      unitLinks = lib.mapAttrsToList linksOf (lib.filterAttrs couldClash intent.systemd.units);

      # Homes are a separate family, because the same path may be declared as a home and as a directory.
      homes = {
        as = "as the home of a user";
        entries = lib.mapAttrs' (user: value: lib.nameValuePair value.home user) (
          lib.filterAttrs (_: user: user.createHome) intent.users
        );
        declared = path: {
          loc = options.nixfleet.users.loc ++ [ homes.entries.${path} ];
          def = types.definitionOf options.nixfleet.users homes.entries.${path};
        };
      };

      ofAdded = kind: more: {
        as = "by NixFleet itself";
        entries = more.${kind} or { };
        declared = _: { inherit (more) reason; };
      };
    in
    {
      solid = [
        (ofOption options.nixfleet.files intent.files "as a file")
        (ofOption options.nixfleet.links intent.links "as a link")
        (ofOption options.nixfleet.absent intent.absent "as absent")
        (ofUnits "in nixfleet.systemd.units" unitFiles)
      ]
      ++ unitLinks
      ++ map (ofAdded "files") added
      ++ map (ofAdded "links") added;
      hollow = [
        (ofOption options.nixfleet.directories intent.directories "as a directory")
      ]
      ++ map (ofAdded "directories") added;
      inherit homes;
    };

  # Describes the declaration of a path, for use in a message.
  says =
    declared: path:
    if declared ? reason then
      "NixFleet itself declares ${path} ${declared.reason}"
    else
      "${lib.showOption declared.loc}, in ${problem.place declared.def}, declares ${path}";

  # Makes the problem of two conflicting declarations, `one` and `other`. The problem is reported at `one`, or
  # at `other` if NixFleet itself made the declaration `one`.
  clash =
    one: other: rest:
    let
      shown = if one ? reason then other else one;
      named = if one ? reason then one else other;
    in
    problem.make ({ inherit (shown) loc def; } // rest named);

  declaredTwice =
    one: other: path:
    clash (one.declared path) (other.declared path) (named: {
      what = "${path} is declared twice, ${
        if one.as == other.as then "each time ${one.as}" else "${one.as} and ${other.as}"
      }";
      why = "${says named "it"}, and a path can be declared only once";
      help = if named ? reason then "remove your declaration" else "remove one of the two declarations";
    });

  # Reports each path that the families `one` and `other` both declare.
  shared =
    one: other: map (declaredTwice one other) (attrNames (intersectAttrs one.entries other.entries));

  # Reports each path that two or more of the families declare.
  twice =
    families:
    if families == [ ] then
      [ ]
    else
      concatMap (shared (lib.head families)) (lib.tail families) ++ twice (lib.tail families);

  # Whether any path is declared twice. Such conflicts are rare, so this fast count usually avoids the slow
  # search for the path.
  anyTwice =
    families: entries:
    length (concatMap (family: attrNames family.entries) families) != length (attrNames entries);

  entriesOf = builtins.foldl' (all: family: all // family.entries) { };
  familyOf = all: path: lib.findFirst (family: family.entries ? ${path}) null all;
  whose = all: path: (familyOf all path).declared path;

  # Whether only root and the owner of a directory can replace other users' files in it. This is true if no
  # other user may write to the directory, or if the directory is sticky and belongs to root.
  isClosed =
    directory:
    let
      digits = lib.stringToCharacters directory.mode;
      others = lib.sublist (lib.length digits - 2) 2 digits;
      mayWrite =
        digit:
        lib.elem digit [
          "2"
          "3"
          "6"
          "7"
        ];
      isSticky =
        lib.length digits == 4
        && lib.elem (lib.head digits) [
          "1"
          "3"
          "5"
          "7"
        ];
    in
    !lib.any mayWrite others || (isSticky && directory.owner == "root");
in
{
  # Reports all conflicts of a host. `added` lists the files, links and directories that the backend adds,
  # each with the reason for adding it.
  problems =
    { intent, ... }@given:
    let
      inherit (families given) solid hollow homes;
      all = solid ++ hollow;
      solidEntries = entriesOf solid;
      entries = solidEntries // entriesOf hollow;
      holding = above (attrNames entries);
      holdingHomes = above (attrNames homes.entries);
      firstIn =
        directory:
        lib.findFirst (lib.hasPrefix "${directory}/") null (attrNames entries ++ attrNames homes.entries);

      inFile =
        directory:
        let
          path = firstIn directory;
          family = familyOf solid directory;
          declared = family.declared directory;
        in
        clash (whose (all ++ [ homes ]) path) declared (named: {
          what = "${path} cannot exist in ${directory}, which is declared ${family.as}";
          why = says named (if named.loc or null == declared.loc or null then directory else path);
          help = "remove one of the two declarations, or declare one of the paths elsewhere";
        });

      open =
        directory:
        let
          path = firstIn directory;
          declared = whose hollow directory;
          inherit (intent.directories.${directory}) mode;
        in
        problem.make {
          inherit (declared) loc def;
          what = "other users could replace ${path}, since the directory ${directory} above it has the mode ${mode}";
          why = "${says (whose all path) path}, and a host refuses a path that other users can replace";
          example = "${lib.showOption declared.loc}.mode = \"0755\";";
        };
    in
    lib.optionals (anyTwice all entries) (twice all)
    ++ lib.optionals (homes.entries != { }) (concatMap (shared homes) solid)
    ++ map inFile (attrNames (intersectAttrs (holding // holdingHomes) solidEntries))
    ++ map open (
      lib.filter (directory: !isClosed intent.directories.${directory}) (
        attrNames (intersectAttrs holding intent.directories)
      )
    );
}
