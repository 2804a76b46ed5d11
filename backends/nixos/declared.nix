# The files below /etc and the units that NixFleet's options declare, with their final values in the NixOS
# system: other modules of the host may override them. With these values, the engine finds changes by hand.
{ etc, lib, ... }:
let
  # NixOS writes the id of an account as a number after `+`.
  account = lib.removePrefix "+";

  entriesOf =
    config: paths:
    lib.filterAttrs (path: entry: entry != null && entry.enable && entry.target == etc.name path) (
      lib.mapAttrs (path: _: config.environment.etc.${etc.name path} or null) (
        # With an overlay, /etc is a filesystem that NixOS mounts, and its files have no other owner than
        # root.
        lib.optionalAttrs (!(config.system.etc.overlay.enable or false)) (etc.within paths)
      )
    );

  isLink = _: entry: entry.mode == "direct-symlink";
  # NixOS copies a file that has a mode.
  isCopy = _: entry: builtins.match "[0-7]+" entry.mode != null;

  # NixOS starts what an active target wants again. It does not do this for other units.
  startedBy =
    unit:
    lib.filter (lib.hasSuffix ".target") (
      lib.concatMap (link: unit.${link} or [ ]) [
        "wantedBy"
        "requiredBy"
        "upheldBy"
      ]
    );

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
