# The files below /etc and the units that NixFleet's options declare, with their final values in the NixOS
# system: other modules of the host may override them. With these values, the engine finds changes by hand.
{ etc, lib, ... }:
let
  # NixOS writes the id of an account as a number after `+`.
  account = lib.removePrefix "+";

  entriesOf =
    config: paths:
    lib.filterAttrs (_: entry: entry != null && entry.enable) (
      lib.mapAttrs (path: _: config.environment.etc.${etc.name path} or null) (etc.within paths)
    );

  isLink = _: entry: entry.mode == "direct-symlink";
  # NixOS copies a file that has a mode.
  isCopy = _: entry: builtins.match "[0-7]+" entry.mode != null;

  startedBy =
    unit:
    lib.concatMap (link: unit.${link} or [ ]) [
      "wantedBy"
      "requiredBy"
      "upheldBy"
    ];

  isStarted =
    config: name: unit:
    unit.enabled == true
    && unit.text != null
    && !lib.hasInfix "@." name
    && config.systemd.units.${name}.enable or false;
in
config: intent: {
  files = lib.mapAttrsToList (path: entry: {
    inherit path;
    inherit (entry) mode;
    source = "${entry.source}";
    owner = account entry.user;
    group = account entry.group;
  }) (lib.filterAttrs isCopy (entriesOf config intent.files));

  links = lib.mapAttrsToList (path: entry: {
    inherit path;
    target = "${entry.source}";
  }) (lib.filterAttrs isLink (entriesOf config intent.links));

  units = map (name: {
    inherit name;
    startedBy = startedBy config.systemd.units.${name};
  }) (lib.attrNames (lib.filterAttrs (isStarted config) intent.systemd.units));
}
