# Puts the host right at boot where a change was interrupted: before anything starts that the change could concern.
#
# Files, not units: an apply must never start it. They are the activator's own (activator/src/engine/recovery_unit), whose
# content they have in every generation.
let
  addedFile = import ./added-file.nix;
  own = name: addedFile (builtins.readFile (../../activator/src/engine/recovery_unit + "/${name}"));
in
{
  reason = "to put the host right at boot";
  directories = { };
  files = {
    "/etc/systemd/system/nixfleet-recover.service" = own "nixfleet-recover.service";
    # Each boot looks; without a journal that is all.
    "/etc/systemd/system/sysinit.target.d/nixfleet-recover.conf" = own "nixfleet-recover.conf";
  };
}
