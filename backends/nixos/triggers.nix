# Makes a changed file below /etc restart or reload units. NixOS restarts or reloads a running unit if the
# text of the unit has changed. So the fingerprint of each file is added to the text of the units that the
# file restarts or reloads, as a setting that systemd ignores.
{
  document,
  etc,
  lib,
}:
let
  fingerprint =
    file:
    builtins.hashString "sha256" (
      builtins.unsafeDiscardStringContext (
        builtins.toJSON [
          file.text
          file.source
          file.mode
          file.owner
          file.group
        ]
      )
    );

  # Lists, for one file, each unit that restarts or reloads when the file changes, with the setting to add to
  # the unit.
  lines =
    file:
    let
      ofUnit = setting: unit: {
        name = unit;
        value = "${setting}=${file.path}:${fingerprint file}";
      };
    in
    map (ofUnit "X-Restart-Triggers") file.restartUnits
    ++ map (ofUnit "X-Reload-Triggers") file.reloadUnits;
in
# Returns the lines to add to the [Unit] section of each unit, by the name of the unit.
intent:
lib.mapAttrs (_: map (line: line.value)) (
  lib.groupBy (line: line.name) (
    lib.concatMap lines (document.entries.files (etc.within intent.files))
  )
)
