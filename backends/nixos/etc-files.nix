# Compiles `nixfleet.files` and `nixfleet.links` below /etc to NixOS's option `environment.etc`.
{
  accountsOf,
  declarations,
  document,
  etc,
  isStated,
  lib,
  mistake,
  types,
  ...
}:
let
  inherit (types) problem;

  # NixOS reads a number as the id of an account only if it starts with `+`.
  account = name: if builtins.match "[0-9]+" name != null then "+${name}" else name;

  file =
    file:
    lib.nameValuePair (etc.name file.path) (
      {
        inherit (file) mode;
        user = account file.owner;
        group = account file.group;
      }
      // (if file.source == null then { inherit (file) text; } else { inherit (file) source; })
    );

  # With the mode `direct-symlink`, NixOS makes a link that points directly to `source`.
  link =
    link:
    lib.nameValuePair (etc.name link.path) {
      source = link.target;
      mode = "direct-symlink";
    };

  etcOption = path: "environment.etc.${builtins.toJSON (etc.name path)}";

  # Reports each `onConflict` that a module sets, because NixOS replaces an existing file at the path and
  # keeps no backup of this file.
  conflict =
    option: path: value:
    lib.optional (value.onConflict != "fail" || isStated option path value "onConflict") (
      mistake option path [ "onConflict" ] {
        what =
          if value.onConflict == "fail" then
            "NixOS does not refuse to replace an existing file at ${path}"
          else
            "NixOS keeps no backup of ${path}";
        why = "NixOS writes the files below /etc itself, and replaces existing files";
        example = "${
          lib.showOption (option.loc ++ [ path ])
        }.onConflict = lib.mkIf (host.base == \"ubuntu\") \"${value.onConflict}\";";
      }
    );

  # Reports a file with a command in its option `field`, because NixOS would not run the command.
  command =
    field: why: help: option: path: value:
    lib.optional (value.${field} != null) (
      mistake option path [ field ] {
        what = "NixOS runs no command for ${path}";
        inherit why help;
      }
    );
  validate =
    command "validate" "NixOS writes the files below /etc itself, and does not check them first"
      "check the content while it is built: source = pkgs.runCommand \"app.conf\" { } \"…\"; or validate only on other hosts: validate = lib.mkIf (host.base == \"ubuntu\") [ … ];";
  onChange =
    command "onChange"
      "NixOS writes the files below /etc itself, and afterwards only restarts or reloads units"
      "run the command in a unit with Type=oneshot and RemainAfterExit=true, and restart it: restartUnits = [ \"rebuild.service\" ];";

  # Reports an owner or a group of a file that no module declares as an account, because NixOS would use root
  # instead.
  accounts =
    config: option: path: value:
    let
      isNumber = text: builtins.match "[0-9]+" text != null;
      overlay = config.system.etc.overlay.enable or false;
      # Another owner than root needs an account that exists when NixOS makes /etc.
      isLate = overlay || !accountsOf.isScripted config;
      of =
        field: known: list:
        let
          name = value.${field};
          exists = lib.elem name (accountsOf.names known);
        in
        if isLate && name != "root" && name != "0" && (overlay || !isNumber name) then
          [
            (mistake option path [ field ] {
              what = "${path} is to have the ${field} ${name}, but NixOS would take root";
              why =
                if overlay then
                  "with system.etc.overlay, all files below /etc belong to root"
                else
                  "with systemd.sysusers or services.userborn, NixOS makes /etc before the accounts";
              help = "declare the file outside of /etc, or leave it to root and use the mode";
            })
          ]
        else
          lib.optional (!exists && !isNumber name) (
            mistake option path [ field ] {
              what = "${path} is to have the ${field} ${name}, which does not exist";
              why = "no module declares it in ${list}, and NixOS would take root in its place";
              example = "nixfleet.${if field == "owner" then "users" else "groups"}.${name} = { };";
            }
          );
    in
    of "owner" config.users.users "users.users" ++ of "group" config.users.groups "users.groups";

  relative =
    option: path: value:
    let
      target = types.storeText value.target;
    in
    lib.optional (!lib.hasPrefix "/" target) (
      mistake option path [ "target" ] {
        what = "the link ${path} has a relative target";
        why = "NixOS makes the links below /etc itself, and takes only absolute targets";
        example = "${lib.showOption (option.loc ++ [ path ])}.target = \"${dirOf path}/${target}\";";
      }
    );

  # Reports a link whose target contains `*`, because NixOS would take the target for a pattern.
  starred =
    option: path: value:
    lib.optional (lib.hasInfix "*" (types.storeText value.target)) (
      mistake option path [ "target" ] {
        what = "the target of the link ${path} contains \"*\"";
        why = "NixOS makes the links below /etc itself, and would link all files that the pattern matches";
        help = "declare the link outside of /etc";
      }
    );

  elsewhere =
    declared: option: path: _:
    let
      def = declared.definitionOf (etc.name path) (value: value ? text || value ? source);
    in
    lib.optional (def != null) (
      mistake option path [ ] {
        what = "NixOS makes ${path} itself";
        why = "${etcOption path} is declared in ${problem.place def}, and a path can be declared only once";
        example = "${etcOption path} = lib.mkForce { text = \"…\"; };";
      }
    );
in
{
  config =
    { intent, ... }:
    {
      environment.etc = lib.listToAttrs (
        map file (document.entries.files (etc.within intent.files))
        ++ map link (document.entries.links (etc.within intent.links))
      );
    };

  problems =
    {
      config,
      intent,
      options,
      ...
    }:
    let
      inherit (options.nixfleet) files links;
      elsewhere' = elsewhere (declarations options.environment.etc);
      all =
        option: checks: entries:
        lib.concatLists (
          lib.mapAttrsToList (path: value: lib.concatMap (check: check option path value) checks) entries
        );
    in
    all files [
      conflict
      validate
      onChange
      (accounts config)
      elsewhere'
    ] (etc.within intent.files)
    ++ all links [
      conflict
      relative
      starred
      elsewhere'
    ] (etc.within intent.links);
}
