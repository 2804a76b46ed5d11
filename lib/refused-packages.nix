# The mistakes about packages that nixpkgs refuses, such as packages with an unfree license. The message of
# nixpkgs itself recommends options of NixOS and environment variables, which a fleet should not depend on.
{ lib }:
let
  # The reasons for which nixpkgs refuses a package. The function `is` takes the `meta` of a package, and
  # returns whether the reason applies. `setting` takes the package's name without and with its version, and
  # returns the setting of nixpkgs that allows the package.
  reasons = {
    unfree = {
      is = meta: meta.unfree or false;
      what = "has an unfree license";
      setting = name: _: {
        name = "allowUnfreePredicate";
        value = "package: builtins.elem (lib.getName package) [ ${builtins.toJSON name} ]";
      };
    };
    insecure = {
      is = meta: meta.insecure or false;
      what = "has known vulnerabilities";
      setting = _: full: {
        name = "permittedInsecurePackages";
        value = "[ ${builtins.toJSON full} ]";
      };
    };
    broken = {
      is = meta: meta.broken or false;
      what = "is marked as broken";
      setting = _: _: {
        name = "allowBroken";
        value = "true";
      };
    };
    unsupported = {
      is = meta: meta.unsupported or false;
      what = "is not for the system of the host";
      setting = _: _: {
        name = "allowUnsupportedSystem";
        value = "true";
      };
    };
  };
  ordered = lib.attrVals [ "unfree" "insecure" "broken" "unsupported" ] reasons;

  why = "nixpkgs refuses such packages unless its configuration allows them; a flake reads neither NIXPKGS_ALLOW_UNFREE nor ~/.config/nixpkgs";

  # Returns the line for a fleet module that allows the package.
  exampleOf =
    { name, value }:
    "nixpkgs.config.${name} = ${value};  # in fleet.nix; or hosts.<name>.nixpkgs.config.${name}";

  # Returns the name of the package in a message of nixpkgs: the quoted word after "Package" or "package".
  packageIn =
    message:
    let
      after = lib.findFirst (part: part != null) null (
        map
          (
            word:
            let
              parts = lib.splitString word message;
            in
            if lib.length parts > 1 then lib.elemAt parts 1 else null
          )
          [
            "ackage ‘"
            "ackage '"
          ]
      );
      ends = lib.splitString "’" (lib.head (lib.splitString "'" after));
    in
    if after == null then "the package" else lib.head ends;
in
{
  # Returns NixFleet's error for a package that nixpkgs refused. `reason` and `message` are those of nixpkgs.
  text =
    { reason, message }:
    let
      full = packageIn message;
      inherit (builtins.parseDrvName full) name;
    in
    if reasons ? ${reason} then
      "[NF-201] the package ${full} ${reasons.${reason}.what}\n"
      + "why: ${why}\n"
      + "write: ${exampleOf (reasons.${reason}.setting name full)}"
    else
      "[NF-201] nixpkgs refuses a package (${reason})\nwhy: ${message}";

  # Returns a mistake for each refused package in the definitions of a host's option `nixfleet.packages`.
  problems =
    {
      host,
      option,
      types,
    }:
    let
      isRefused = value: lib.isDerivation value && value ? meta.available && !value.meta.available;
      told =
        def: package:
        let
          reason = lib.findFirst (reason: reason.is package.meta) null ordered;
          name = lib.getName package;
          full = package.name or name;
          setting = reason.setting name full;
        in
        types.problem.make {
          inherit (option) loc;
          inherit def;
          what = "the package ${full} ${if reason == null then "is refused by nixpkgs" else reason.what}";
          inherit why;
          example =
            if reason == null then
              "${lib.showOption option.loc} = [ … ];  # without ${full}"
            else if host.pkgs != null then
              "hosts.${host.name}.pkgs = import inputs.nixpkgs { config.${setting.name} = ${setting.value}; … };"
            else
              exampleOf setting;
        };
    in
    lib.concatMap (
      def: map (told def) (lib.filter isRefused (if lib.isList def.value then def.value else [ ]))
    ) option.definitionsWithLocations;
}
