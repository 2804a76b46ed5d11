# Units that a changed file below /etc restarts or reloads. NixOS compares the text of each running unit with
# the new one: the fingerprints of the files are part of it, as settings that systemd ignores.
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

  # The unit and the setting of each, for one file.
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
# The lines for the section [Unit] of each unit.
intent:
lib.mapAttrs (_: map (line: line.value)) (
  lib.groupBy (line: line.name) (
    lib.concatMap lines (document.entries.files (etc.within intent.files))
  )
)
