# Puts the host right at boot where a change was interrupted: before anything starts that the change could concern.
#
# Files, not units: an apply must never start it, and their content belongs to the generation like any other.
activator:
let
  addedFile = import ./added-file.nix;
in
{
  reason = "to put the host right at boot";
  directories = { };
  files = {
    "/etc/systemd/system/nixfleet-recover.service" = addedFile ''
      [Unit]
      Description=Put this host right after an interrupted change
      DefaultDependencies=no
      ConditionPathExists=/var/lib/nixfleet/journal.json
      RequiresMountsFor=/etc /nix/store /nix/var/nix /var/lib/nixfleet
      After=local-fs.target
      Before=sysinit.target shutdown.target
      Conflicts=shutdown.target

      [Service]
      Type=oneshot
      ExecStart=${activator} recover --boot
      TimeoutStartSec=300
    '';
    # Each boot looks; without a journal that is all.
    "/etc/systemd/system/sysinit.target.d/nixfleet-recover.conf" = addedFile ''
      [Unit]
      Wants=nixfleet-recover.service
    '';
  };
}
