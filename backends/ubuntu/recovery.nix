# Recovers the host at boot after an interrupted change, before any unit starts that the change may concern.
#
# Declared as files, not as units, because an apply must never start it. The content is the activator's own in
# every generation (activator/src/engine/recovery_unit).
let
  addedFile = import ./added-file.nix;
  own = name: addedFile (builtins.readFile (../../activator/src/engine/recovery_unit + "/${name}"));
in
{
  reason = "to recover the host at boot";
  directories = { };
  files = {
    "/etc/systemd/system/nixfleet-recover.service" = own "nixfleet-recover.service";
    # Each boot checks for a journal; without one, nothing else happens.
    "/etc/systemd/system/sysinit.target.d/nixfleet-recover.conf" = own "nixfleet-recover.conf";
  };
}
