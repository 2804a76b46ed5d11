# Makes a changed file below /etc restart or reload units. NixOS compares the old and the new text of each
# running unit. So the fingerprint of each file is added to the text of its units, as a setting that systemd
# ignores.
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

  # For one file: each unit that the file restarts or reloads, with the setting to add to this unit.
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
