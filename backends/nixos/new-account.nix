# Default values of a new account on NixOS.
{ name, system }:
if system then
  {
    home = "/var/lib/${name}";
    shell = "/run/current-system/sw/bin/nologin";
  }
else
  {
    home = "/home/${name}";
    shell = "/run/current-system/sw/bin/bash";
  }
