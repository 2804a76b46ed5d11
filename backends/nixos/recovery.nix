# Declares the systemd units that recover a NixOS host at boot after an interrupted change. These units run
# before any unit that the change may affect. Their texts are files of the activator
# (activator/src/engine/recovery_unit), and the same on every base.
{
  lib,
  mistake,
  ...
}:
let
  name = "nixfleet-recover.service";
  target = "sysinit.target";
  dropIn = "nixfleet-recover.conf";

  own = file: builtins.readFile (../../activator/src/engine/recovery_unit + "/${file}");

  why = "NixFleet declares it to recover the host at boot";
in
{
  config =
    { pkgs, ... }:
    {
      systemd.units.${name}.text = own name;
      # The drop-in starts the recovery unit at every boot. The unit does nothing unless an interrupted change
      # has left a journal.
      systemd.packages = [
        (pkgs.linkFarm "nixfleet-recovery" {
          "etc/systemd/system/${target}.d/${dropIn}" = pkgs.writeText dropIn (own dropIn);
        })
      ];
    };

  problems =
    { intent, options, ... }:
    let
      option = options.nixfleet.systemd.units;
      inherit (intent.systemd) units;
    in
    lib.optional (units.${name}.text or null != null) (
      mistake option name [ ] {
        inherit why;
        what = "${name} is declared twice";
        example = "${lib.showOption option.loc}.\"app.service\" = { … };  # another name";
      }
    )
    ++ lib.optional (units ? ${target} && units.${target}.dropIns ? ${dropIn}) (
      mistake option target [ "dropIns" ] {
        inherit why;
        what = "no drop-in of ${target} can have the name ${dropIn}";
        example = "${lib.showOption (option.loc ++ [ target ])}.dropIns.\"app.conf\" = { … };";
      }
    );
}
