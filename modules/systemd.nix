# `nixfleet.systemd.units.<name>`: systemd units of every type, and drop-ins for units of the distribution.
{ lib, types }:
let
  inherit (lib) mkOption;

  unitText = import ./unit-text.nix { inherit lib types; };
  unitState = import ./unit-state.nix { inherit lib types; };

  content = {
    text = mkOption {
      type = types.nullOr types.text;
      default = null;
      example = "[Service]\nExecStart=/usr/bin/app\n";
      description = "The complete text of the file.";
    };
    sections = mkOption {
      type = types.sections;
      default = { };
      example = {
        Unit.Description = "The application";
        Service.ExecStart = "/usr/bin/app --port 8080";
        Install.WantedBy = "multi-user.target";
      };
      description = ''
        The sections and their settings, with the names that systemd uses. A list repeats the setting. An empty string
        as the first element of a list clears the earlier values of the setting. A file next to the module, as in
        `ExecStart = ./app.sh`, is copied to the host with the unit. Inside a string, write it as
        `"''${./app.sh} --verbose"`.
      '';
    };
  };

  # Fills in the text of a unit from its sections. An error in a package or file that a setting uses may
  # appear only when the text is made, so the function `within` adds the name of the option to the error.
  completeContent =
    within: value:
    if value.sections == { } then value else value // { text = within (unitText value.sections); };

  isInstallable = text: lib.hasInfix "\n[Install]" "\n${text}";

  checkContent =
    { loc, value, ... }@given:
    lib.optional (value.text != null && value.sections != { }) (
      types.problem.at given "${lib.showOption loc} has both text and sections"
        "only one of them can be its content"
        "${lib.showOption loc} = { sections = { … }; };"
    );

  # The settings of [Install] for which systemd makes links when a unit is enabled.
  wants = map (each: each.setting) types.shared.install ++ [ "Alias" ];
  isWanted = sections: lib.any (key: sections ? Install.${key}) wants;

  # For each suffix of a unit name: the section that such a unit can have besides [Unit] and [Install].
  ownSection = {
    automount = "Automount";
    mount = "Mount";
    path = "Path";
    service = "Service";
    slice = "Slice";
    socket = "Socket";
    swap = "Swap";
    target = null;
    timer = "Timer";
  };
  suffixOf = lib.mapAttrs' (suffix: section: lib.nameValuePair section suffix) (
    removeAttrs ownSection [ "target" ]
  );

  # The suffix of a unit name, or "" if the name has none. The type of the name reports a wrong name.
  suffixIn =
    unit:
    let
      found = builtins.match ".*\\.([a-z]+)" unit;
    in
    if found == null then "" else lib.head found;

  # Reports sections that systemd would ignore, because units of this type do not have them.
  checkSections =
    { loc, value, ... }@given:
    let
      unit = lib.last loc;
      suffix = suffixIn unit;
      ignores = name: ownSection ? ${suffix} && suffixOf.${name} or suffix != suffix;

      of =
        within: sections:
        map (
          name:
          let
            here =
              loc
              ++ within
              ++ [
                "sections"
                name
              ];
          in
          types.problem.at (given // { loc = here; }) "${lib.showOption here} has no effect"
            "systemd reads no section [${name}] in a ${suffix}"
            "nixfleet.systemd.units.\"${lib.removeSuffix suffix unit}${suffixOf.${name}}\".sections.${name} = { … };"
        ) (lib.filter ignores (lib.attrNames sections));
    in
    of [ ] value.sections
    ++ lib.concatLists (
      lib.mapAttrsToList (
        file: dropIn:
        of [
          "dropIns"
          file
        ] dropIn.sections
      ) value.dropIns
    );

  duration = types.durationBetween {
    low = 1;
    high = 3600;
  };

  dropIn = types.record {
    description = "a set with text or sections";
    fields = content;
    elsewhere = import ./unit-elsewhere.nix;
    complete = name: completeContent (types.context.inEntry name);
    check =
      { loc, value, ... }@given:
      checkContent given
      ++ lib.optional (value.text == null && value.sections == { }) (
        types.problem.about [ "text" "sections" ] (
          types.problem.at given "${lib.showOption loc} has neither text nor sections"
            "a drop-in needs its content"
            "${lib.showOption loc}.sections.Service.MemoryMax = \"1G\";"
        )
      );
  };

  checkUnit =
    { loc, value, ... }@given:
    let
      here = lib.showOption loc;
      own = value.text != null || value.sections != { };
    in
    checkContent given
    ++ checkSections given
    ++ unitState.check given
    ++ lib.optional (value.enabled == true && value.sections != { } && !isWanted value.sections) (
      types.problem.about [ "sections" "enabled" ] (
        types.problem.at (given // { loc = loc ++ [ "enabled" ]; })
          "${here} is enabled, but no unit starts it at boot"
          "its section [Install] has none of ${lib.concatStringsSep ", " wants}"
          "${here}.sections.Install.WantedBy = \"${
            {
              socket = "sockets.target";
              timer = "timers.target";
            }
            .${suffixIn (lib.last loc)} or "multi-user.target"
          }\";"
      )
    )
    ++ lib.optional (!own && value.dropIns == { } && !unitState.hasState value) (
      types.problem.about
        (
          [
            "text"
            "sections"
            "dropIns"
          ]
          ++ unitState.states
        )
        (
          types.problem.at given "${here} has neither text nor sections nor drop-ins"
            "a unit needs its content; a unit of the distribution needs a drop-in, or one of ${lib.concatStringsSep ", " unitState.states}"
            "${here}.sections.Service.ExecStart = \"/usr/bin/app\";"
        )
    );

  unit = types.record {
    description = "a set that describes a unit";
    check = checkUnit;
    elsewhere = import ./unit-elsewhere.nix;
    complete =
      name: value:
      let
        within = types.context.inOption [
          "nixfleet"
          "systemd"
          "units"
          name
        ];
        full = completeContent within value;
      in
      full
      // {
        enabled =
          if full.text == null || value.enabled != null then value.enabled else isInstallable full.text;
      };
    fields = content // {
      dropIns = mkOption {
        type = types.entries {
          description = "a set of drop-ins by file name";
          key = types.dropInName;
          keyExample = "10-limits.conf";
          correct = name: "${name}.conf";
          element = dropIn;
        };
        default = { };
        example = {
          "10-limits.conf".sections.Service.MemoryMax = "1G";
        };
        description = ''
          Files in `/etc/systemd/system/<unit>.d`, which change single settings of a unit. A unit that has only drop-ins
          remains a unit of the distribution.
        '';
      };
      enabled = mkOption {
        type = types.nullOr types.bool;
        default = null;
        defaultText = lib.literalMD "true for a unit with an `[Install]` section";
        example = false;
        description = ''
          Whether the unit is enabled. An apply starts an enabled unit, and creates the links that its `[Install]`
          section requests, so that the unit also starts at boot. For a unit of the distribution, the option only says
          whether these links exist, as `systemctl enable` and `disable` do; without it, they stay as they are. Such a
          unit is as it was before when the option is no longer set.
        '';
      };
      inherit (unitState.fields) running masked;
      restartIfChanged = mkOption {
        type = types.bool;
        default = true;
        example = false;
        description = "Restart the unit when its files change, if the unit is running or has failed.";
      };
      reloadIfChanged = mkOption {
        type = types.bool;
        default = false;
        example = true;
        description = "Reload the unit when its files change, instead of restarting it.";
      };
      stopIfRemoved = mkOption {
        type = types.bool;
        default = true;
        example = false;
        description = "Stop the unit when it is no longer declared.";
      };
      startTimeout = mkOption {
        type = types.nullOr duration;
        default = null;
        defaultText = lib.literalMD "the unit's own `TimeoutStartSec=`; 5 minutes if that is infinite, as for a oneshot";
        example = "15m";
        description = ''
          How long an apply waits for the unit to start, restart or reload. After this time, the change is rolled back.
        '';
      };
      settle = mkOption {
        type = types.nullOr duration;
        default = null;
        defaultText = lib.literalMD "0.2 seconds for a service that cannot report when it is ready, otherwise none";
        example = "10s";
        description = ''
          How long the unit must stay up after its start, without a restart, before the change counts as done. This
          option does not apply to a oneshot.
        '';
      };
      verify = mkOption {
        type = types.bool;
        default = true;
        example = false;
        description = ''
          Let systemd verify the unit before anything changes on the host. The unit is refused if its file has unknown
          settings, cannot be loaded, or names a program that does not exist.
        '';
      };
      onConflict = mkOption {
        type = types.onConflict;
        default = "fail";
        example = "backup";
        description = types.onConflictDescription "unit file";
      };
    };
  };
in
{
  _file = ./systemd.nix;

  options.nixfleet.systemd.units = mkOption {
    type = types.entries {
      description = "a set of units by name";
      key = types.unitName;
      keyExample = "app.service";
      correct = name: "${name}.service";
      element = unit;
    };
    default = { };
    example = {
      "app.service".sections = {
        Unit.Description = "The application";
        Service.ExecStart = "/usr/bin/app --port 8080";
        Install.WantedBy = "multi-user.target";
      };
    };
    description = ''
      systemd units: services, sockets, timers, targets, paths, mounts and slices. Only units that change are
      restarted. A unit that another unit activates, such as the service of a timer, needs no `[Install]` section.
    '';
  };
}
