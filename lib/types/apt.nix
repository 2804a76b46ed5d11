# Types for options of apt: names and versions of packages, and the parts of a package source.
{
  definitions,
  lib,
  problem,
  scalar,
  shared,
}:
let
  inherit (scalar) matching;
  inherit (builtins) isList isString;
in
{
  # The name of a package, by the rule of Debian's policy (5.6.1). It may have the suffix of an architecture.
  packageName = matching {
    name = "packageName";
    description = "the name of a package of apt such as \"nginx\" or \"libc6:i386\"";
    regex = "[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?";
    placeholder = "package";
  };

  # Names of packages, with the wildcards of glob(7).
  packagePattern = matching {
    name = "packagePattern";
    description = "the name of a package, or a pattern such as \"linux-image-*\"";
    regex = "[a-z0-9*?][a-z0-9+.*?-]*(:[a-z0-9-]+)?";
    placeholder = "package";
  };

  # A version of a package (deb-version(7)). apt accepts `*` for any characters.
  packageVersion = matching {
    name = "packageVersion";
    description = "a version such as \"1.22.1-9\" or \"1.22.*\"";
    regex = "[0-9][A-Za-z0-9.+~:*-]*";
    placeholder = "0";
  };

  # The name of a question of debconf, such as "postfix/main_mailer_type".
  debconfQuestion = matching {
    name = "debconfQuestion";
    description = "the name of a debconf question such as \"postfix/main_mailer_type\"";
    regex = "[A-Za-z0-9][A-Za-z0-9+._-]*(/[A-Za-z0-9+._-]+)+";
    placeholder = "package/question";
  };

  # The type of a question of debconf. A password is refused with a message of its own, because everybody can
  # read the Nix store.
  debconfType =
    let
      type = scalar.oneOf shared.choices.debconfType;
      password =
        loc: def:
        problem.make {
          inherit loc def;
          what = "${lib.showOption loc} cannot be \"password\"";
          why = "everybody can read the Nix store, on the operator's machine and on the host";
          help = "remove this answer; run debconf-set-selections on the host, or set the password in a file of the package";
        };
    in
    type
    // scalar.fromResolve {
      name = "debconfType";
      inherit (type) description;
      resolve =
        loc: defs:
        let
          passwords = lib.filter (def: def.value == "password") defs;
        in
        if passwords == [ ] then
          type.resolve loc defs
        else
          {
            value = type.placeholder;
            problems = map (password loc) passwords;
          };
    };

  # The address of a package source, in the form that apt accepts in `URIs`.
  sourceUri = matching {
    name = "sourceUri";
    description = "an address such as \"https://packages.example.org/debian\"";
    regex = "((mirror\\+)?(https?|ftp|file)|copy)://[^][:space:]]+";
    placeholder = "https://localhost/";
  };

  suite = matching {
    name = "suite";
    description = "a suite such as \"bookworm\", or a directory that ends in \"/\"";
    regex = "[A-Za-z0-9.][A-Za-z0-9._/-]*|/";
    placeholder = "stable";
  };

  component = matching {
    name = "component";
    description = "a component such as \"main\"";
    regex = "[A-Za-z0-9][A-Za-z0-9._/-]*";
    placeholder = "main";
  };

  architecture = matching {
    name = "architecture";
    description = "an architecture of Debian such as \"amd64\"";
    regex = "[a-z0-9][a-z0-9-]*";
    placeholder = "amd64";
  };

  # The fingerprint of an OpenPGP key, in the form that gpg prints: 40 hexadecimal digits, or 64 for a key of
  # version 6, in groups or not.
  keyFingerprint = scalar.scalar {
    name = "keyFingerprint";
    description = "the fingerprint of an OpenPGP key, which has 40 or 64 hexadecimal digits";
    accepts =
      value:
      isString value
      &&
        builtins.match "([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})" (lib.replaceStrings [ " " ] [ "" ] value)
        != null;
    placeholder = "0000000000000000000000000000000000000000";
  };

  # The properties of a release for a pin (apt_preferences(5)), such as "o=Debian,n=bookworm".
  pinnedRelease = matching {
    name = "pinnedRelease";
    description = "the properties of a release such as \"o=Debian,n=bookworm\"";
    regex = "[acnolvb]=[^,\n]+(,[acnolvb]=[^,\n]+)*";
    placeholder = "a=stable";
  };

  # The priority of a pin. apt refuses 0.
  pinPriority = scalar.scalar {
    name = "pinPriority";
    description = "a number from -32768 to 32767 other than 0";
    accepts = value: builtins.isInt value && value >= -32768 && value <= 32767 && value != 0;
    placeholder = 500;
  };

  # A collection that may also be written as a list of names. Each name of the list is an element without
  # values.
  nameable =
    {
      description,
      element,
      elementDescription,
    }:
    let
      # The elements of a list, without the results of mkIf and similar functions.
      elementsOf =
        loc: def:
        lib.concatMap (
          value:
          if definitions.isProperty value then
            map (each: each.value) (definitions.settle loc [ (def // { inherit value; }) ])
          else
            [ value ]
        ) def.value;
      named =
        loc: def:
        if isList def.value then
          def // { value = lib.genAttrs (lib.filter isString (elementsOf loc def)) (_: { }); }
        else
          def;
      strange =
        loc: def:
        map (
          value:
          problem.make {
            inherit loc def;
            what = "each element of ${lib.showOption loc} must be ${elementDescription}, but one is ${problem.describe value}";
          }
        ) (lib.filter (value: !isString value) (elementsOf loc def));
    in
    scalar.fromResolve {
      name = "nameable";
      inherit description;
      inherit (element) getSubOptions nestedTypes;
      resolve =
        loc: defs:
        let
          result = element.resolve loc (map (named loc) defs);
        in
        result
        // {
          problems = lib.concatMap (strange loc) (lib.filter (def: isList def.value) defs) ++ result.problems;
        };
    };
}
