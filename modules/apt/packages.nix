# `nixfleet.apt.packages.<name>`: packages that apt installs or removes.
{ lib, types }:
let
  inherit (lib) mkOption;
  inherit (types.shared) choices protectedPackages;

  answer = types.record {
    description = "a set with type and value";
    elsewhere = {
      vtype = "type";
      answer = "value";
    };
    fields = {
      type = mkOption {
        type = types.debconfType;
        default = "string";
        example = "boolean";
        description = ''
          The type of the question, as `/var/lib/dpkg/info/PACKAGE.templates` names it. There is no type
          `password`, because everybody can read the Nix store. Set a password on the host, or in a file that the
          package reads.
        '';
      };
      value = mkOption {
        type = types.line;
        defaultText = lib.literalMD "none: the option must be set";
        example = "Internet Site";
        description = ''
          The answer. For the type `boolean`, it is `"true"` or `"false"`. Everybody can read the answer in the Nix
          store, on the operator's machine and on the host, so it must not be a secret.
        '';
      };
    };
    check =
      { loc, value, ... }@given:
      lib.optional (lib.hasSuffix "\\" value.value) (
        types.problem.about [ "value" ] (
          types.problem.at (given // { loc = loc ++ [ "value" ]; })
            "${lib.showOption loc}.value ends with a backslash"
            "debconf would read the next line as a part of the answer"
            "${lib.showOption loc}.value = \"…\";"
        )
      )
      ++
        lib.optional
          (
            value.type == "boolean"
            && !lib.elem value.value [
              "true"
              "false"
            ]
          )
          (
            types.problem.about [ "type" "value" ] (
              types.problem.at (given // { loc = loc ++ [ "value" ]; })
                "${lib.showOption loc}.value is neither \"true\" nor \"false\""
                "the question is of the type boolean"
                "${lib.showOption loc}.value = \"true\";"
            )
          );
  };

  # The name of a package without its architecture.
  plain = name: lib.head (lib.splitString ":" name);

  # The fields that only an installed package can have, each with its value in a package that does not set it.
  ofInstalled = {
    version = null;
    hold = false;
    recommends = null;
    start = lib.head choices.packageStart;
    debconf = { };
  };

  checkPackage =
    { loc, value, ... }@given:
    let
      name = lib.last loc;
      here = lib.showOption loc;
      mistake = field: types.problem.at (given // { loc = loc ++ [ field ]; });
      useless = lib.filter (field: value.${field} != ofInstalled.${field}) (lib.attrNames ofInstalled);
    in
    lib.optionals (value.state != "present") (
      map (
        field:
        types.problem.about [ field "state" ] (
          mistake field "${here}.${field} has no effect" "the package is ${value.state}"
            "${here} = { state = ${builtins.toJSON value.state}; };"
        )
      ) useless
      ++ lib.optional (lib.elem (plain name) protectedPackages) (
        types.problem.about [ "state" ] (
          types.problem.make {
            loc = loc ++ [ "state" ];
            inherit (given) def;
            what = "${here} cannot be ${value.state}";
            why = "without ${plain name}, the host may no longer boot, or nobody can reach or change it";
            help = "remove this declaration; run apt on the host if you do want to remove the package";
          }
        )
      )
    );

  package = types.record {
    description = "a set that describes a package of apt";
    check = checkPackage;
    elsewhere = {
      ensure = "state";
      install_recommends = "recommends";
      installRecommends = "recommends";
      held = "hold";
      preseed = "debconf";
      responses = "debconf";
      pin = "version";
    };
    fields = {
      state = mkOption {
        type = types.oneOf choices.packageState;
        default = "present";
        example = "absent";
        description = ''
          `present`: the package is installed. `absent`: the package is not installed, its configuration files stay.
          `purged`: as `absent`, and its configuration files are removed. Only a package that is declared as absent or
          purged, or that NixFleet installed and that is no longer declared, is ever removed: a change that would remove
          any other package is refused. A package that the host may need to boot or to be reached, such as `sudo` or
          `ifupdown`, cannot be absent or purged, and stays installed when it is no longer declared.
        '';
      };
      version = mkOption {
        type = types.nullOr types.packageVersion;
        default = null;
        defaultText = lib.literalMD "any: an installed package keeps its version, a new one gets apt's candidate";
        example = "1.22.*";
        description = "The version of the package. `*` stands for any characters.";
      };
      hold = mkOption {
        type = types.bool;
        default = false;
        example = true;
        description = "Whether apt and its timers leave the package at its version.";
      };
      recommends = mkOption {
        type = types.nullOr types.bool;
        default = null;
        defaultText = lib.literalMD "as `APT::Install-Recommends` on the host says";
        example = false;
        description = "Whether the packages that this package recommends are installed with it.";
      };
      start = mkOption {
        type = types.oneOf choices.packageStart;
        default = lib.head choices.packageStart;
        example = "never";
        description = ''
          When the units of the package start for the first time. `after-activation`: after the files and units of the
          host are in place, so a service never runs with a configuration that is not yours. `never`: only when something
          else starts them. `distribution`: while apt installs the package, as without NixFleet. This option applies
          only when the package is installed for the first time.
        '';
      };
      debconf = mkOption {
        type = types.entries {
          description = "a set of answers by the names of their questions";
          key = types.debconfQuestion;
          keyExample = "postfix/main_mailer_type";
          element = answer;
        };
        default = { };
        example = {
          "postfix/main_mailer_type" = {
            type = "select";
            value = "Internet Site";
          };
        };
        description = ''
          Answers to the questions of debconf, set before dpkg configures the package. If the package is installed
          already, debconf gets the answer, and the package uses the answer at its next upgrade: NixFleet never runs
          `dpkg-reconfigure`. An answer that is no longer declared stays as it is.
        '';
      };
    };
  };
in
mkOption {
  type = types.nameable {
    description = "a list of names of packages, or a set of packages by name";
    elementDescription = types.packageName.description;
    element = types.entries {
      description = "a list of names of packages, or a set of packages by name";
      key = types.packageName;
      keyExample = "nginx";
      correct = lib.toLower;
      element = package;
    };
  };
  default = { };
  example = [
    "nginx"
    "postgresql-15"
  ];
  description = ''
    Packages of apt. A list of names is a short form: each package is present. A package that NixFleet installed is
    removed when it is no longer declared; a package that was installed before stays, and gets back its mark as
    installed automatically or manually, and its hold.
  '';
}
