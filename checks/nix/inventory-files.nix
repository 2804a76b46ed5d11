# Tests of an inventory that is a TOML or JSON file.
{
  lib,
  nixfleet,
  prebuilt,
  ...
}:
let
  of =
    inventory:
    (nixfleet.mkFleet {
      inherit inventory;
      modules = [ prebuilt ];
    }).nixfleet;

  facts =
    inventory:
    let
      all = of inventory;
    in
    {
      inherit (all.fleet.hosts.web-1) addr roles tags;
      inherit (all.fleet.hosts.web-1.ssh) port;
      files = lib.attrNames all.hosts.web-1.config.nixfleet.files;
    };
  expected = {
    addr = "10.0.1.11";
    roles = [
      "web"
      "app"
    ];
    tags = [ "prod" ];
    port = 2222;
    files = [
      "/etc/app.conf"
      "/etc/base"
      "/etc/one"
      "/etc/web"
    ];
  };
in
{
  "a TOML file has the keys of a fleet module, and paths relative to the file" = {
    expr = facts ./inventories/prod.toml;
    inherit expected;
  };

  "a JSON file means the same" = {
    expr = facts ./inventories/prod.json;
    inherit expected;
  };

  "the file may be in an input of the flake" = {
    expr = facts "${./inventories}/prod.toml";
    inherit expected;
  };

  "fleet modules add to the file" = {
    expr =
      (nixfleet.mkFleet {
        inventory = ./inventories/prod.toml;
        modules = [
          prebuilt
          { hosts.web-1.tags = [ "more" ]; }
        ];
      }).nixfleet.fleet.hosts.web-1.tags;
    expected = [
      "prod"
      "more"
    ];
  };
}
