# `nixfleet.activationTimeout`: how long the activation of a NixOS system may take.
{ lib, types }:
{
  _file = ./activation-timeout.nix;

  options.nixfleet.activationTimeout = lib.mkOption {
    type = types.intBetween {
      noun = "a number of seconds";
      low = 1;
      high = 86400;
      placeholder = 900;
    };
    default = 900;
    example = 1800;
    description = ''
      The time limit, in seconds, for the activation of the NixOS system of a host, which includes the starts and
      stops of its units. If the activation takes longer, the host returns to the system that ran before. Only
      NixOS hosts have this option.
    '';
  };
}
