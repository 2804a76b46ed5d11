# Mistakes in values that only the module system can evaluate, and in functions.
{ lib, ... }:
{
  assertions = [
    {
      assertion = false;
      message = "a fleet needs a host called web-1";
    }
  ];
  hosts.functions.addr = "functions";
  hosts.functions.modules = [
    {
      assertions = [ { assertion = true; } ];
      nixfleet.files."/etc/a" =
        { config, ... }:
        {
          text = config.mode;
          mode = "9";
          modes = "0644";
        };
      nixfleet.files."/etc/b" =
        { options, ... }:
        {
          imports = [ { owner = 5; } ];
          config.text = toString options.mode.isDefined;
          config.group = "no group";
        };
      nixfleet.files."/etc/c".text = "c";
      nixfleet.files."/etc/c".restartUnits = [
        (lib.mkIf true "no unit")
        (lib.mkMerge [
          "a.service"
          "b.service"
        ])
      ];
      nixfleet.files."/etc/d" = _: 5;
    }
  ];
  hosts.own.addr = "own";
  hosts.own.modules = [
    (
      { lib, ... }:
      let
        types = import ../../../lib/types/public.nix { inherit lib; };
      in
      {
        # An option with neither an example nor a description.
        options.own.port = lib.mkOption { type = types.port; };
        options.own.site = lib.mkOption {
          type = types.record {
            description = "a site";
            fields.name = lib.mkOption { type = lib.types.str; };
            fields.port = lib.mkOption { type = types.port; };
          };
        };
        config.own.port = 0;
        config.own.site.port = "0";
      }
    )
  ];
  hosts.assertions.addr = "assertions";
  hosts.assertions.modules = [
    (
      { config, ... }:
      {
        assertions = [
          {
            assertion = config.nixfleet.users ? app;
            message = "the app needs its user: add nixfleet.users.app";
          }
        ];
        nixfleet.files."/etc/a" = {
          text = "a";
          owner = "app";
        };
      }
    )
  ];
}
