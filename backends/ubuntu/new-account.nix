# What a new account has on Ubuntu and Debian where nothing is stated.
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
