# Compiles `nixfleet.packages` to NixOS's option `environment.systemPackages`.
_: {
  config =
    { intent, ... }:
    {
      environment.systemPackages = intent.packages;
    };
  problems = _: [ ];
}
