# `nixfleet.packages` on NixOS.
_: {
  config =
    { intent, ... }:
    {
      environment.systemPackages = intent.packages;
    };
  problems = _: [ ];
}
