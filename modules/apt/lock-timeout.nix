# `nixfleet.apt.lockTimeout`: how long an apply waits for other programs that use apt.
{ lib, types }:
lib.mkOption {
  type = types.intBetween {
    noun = "a number of seconds";
    low = 0;
    high = 3600;
    placeholder = 600;
  };
  default = 600;
  example = 1800;
  description = ''
    How long an apply waits, in seconds, while another program holds a lock of apt or dpkg, such as
    `unattended-upgrades`. After this time, the apply is blocked, and names the program.
  '';
}
