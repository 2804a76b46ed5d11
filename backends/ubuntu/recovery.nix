# The units that recover a host at boot after an interrupted change. They run before any unit that the change
# may affect.
#
# They are declared as files and not as units, because an apply must never start them. Their content is part
# of the activator and is the same in every generation (activator/src/engine/recovery_unit).
let
  addedFile = import ./added-file.nix;
  own = name: addedFile (builtins.readFile (../../activator/src/engine/recovery_unit + "/${name}"));
in
{
  reason = "to recover the host at boot";
  directories = { };
  files = {
    "/etc/systemd/system/nixfleet-recover.service" = own "nixfleet-recover.service";
    # Starts the recovery unit at every boot. Without a journal of an interrupted change, the unit does
    # nothing.
    "/etc/systemd/system/sysinit.target.d/nixfleet-recover.conf" = own "nixfleet-recover.conf";
  };
}
