# How NixOS's switch-to-configuration treats a unit that changes, by the type of the unit.
{ lib }:
{
  # The type of a unit: the last part of its name.
  suffix = name: lib.last (lib.splitString "." name);

  # The types, besides services, whose units are restarted.
  restarted = [
    "automount"
    "mount"
    "swap"
    "timer"
  ];

  # The types whose units are left as they are.
  left = [
    "path"
    "slice"
    "socket"
    "target"
  ];
}
