# Default values of a new account on Ubuntu and Debian.
{ name, system }:
if system then
  {
    home = "/var/lib/${name}";
    shell = "/usr/sbin/nologin";
  }
else
  {
    home = "/home/${name}";
    shell = "/bin/bash";
  }
