# The mistakes of packages that nixpkgs refuses, such as packages with an unfree license. nixpkgs' own text
# names options of NixOS and environment variables, which have no effect here.
{ lib }:
let
  # The reasons for which nixpkgs refuses a package. `is` takes the `meta` of a package. `example` takes the
  # name of a package without and with its version.
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

  why = "nixpkgs refuses such packages unless its configuration allows them; NIXPKGS_ALLOW_UNFREE and ~/.config/nixpkgs have no effect on a fleet";

  # The lines that allow the package in a fleet module.
  exampleOf =
    { name, value }:
    "nixpkgs.config.${name} = ${value};  # in fleet.nix; or hosts.<name>.nixpkgs.config.${name}";

  # The name of the package in a message of nixpkgs: the word after "Package" or "package", without quotes.
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
  # The error in place of a message of nixpkgs, for a package that nixpkgs refused for a reason.
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

  # The mistakes of the refused packages among the definitions of the option `nixfleet.packages` of a host.
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
