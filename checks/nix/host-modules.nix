# Tests of the modules and module arguments that the fleet gives to hosts, and of the evaluated hosts that the
# output `nixfleet` shows in `nix repl`.
{
  lib,
  mkFleet,
  nixfleet,
  prebuilt,
  ...
}:
{
  "modules of defaults belong to every host of every base" = {
    expr =
      let
        outputs = mkFleet {
          defaults.modules = [ { nixfleet.files."/etc/motd.d/fleet".text = "x"; } ];
          hosts.web-1.addr = "web-1";
          hosts.db-1.addr = "db-1";
          hosts.db-1.base = "nixos";
        };
      in
      lib.mapAttrs (_: host: lib.attrNames host.config.nixfleet.files) outputs.nixfleet.hosts;
    expected = {
      db-1 = [ "/etc/motd.d/fleet" ];
      web-1 = [ "/etc/motd.d/fleet" ];
    };
  };

  "special arguments of the fleet and of a host reach imports of modules" = {
    expr =
      let
        outputs = nixfleet.mkFleet {
          specialArgs.site = "berlin";
          specialArgs.extra = {
            hosts.web-1.tags = [ "extra" ];
          };
          modules = [
            prebuilt
            (
              { extra, ... }:
              {
                imports = [ extra ];
                hosts.web-1 = {
                  addr = "web-1";
                  specialArgs.more = {
                    nixfleet.files."/etc/more".text = "x";
                  };
                  modules = [
                    (
                      { more, site, ... }:
                      {
                        imports = [ more ];
                        nixfleet.files."/etc/site".text = site;
                      }
                    )
                  ];
                };
              }
            )
          ];
        };
        inherit (outputs.nixfleet.hosts.web-1) config;
      in
      {
        inherit (outputs.nixfleet.fleet.hosts.web-1) tags;
        site = config.nixfleet.files."/etc/site".text;
        files = lib.attrNames config.nixfleet.files;
      };
    expected = {
      tags = [ "extra" ];
      site = "berlin";
      files = [
        "/etc/more"
        "/etc/site"
      ];
    };
  };

  "nix repl sees the configuration, the options and the packages of a host" = {
    expr =
      let
        inherit
          ((mkFleet {
            hosts.web-1.addr = "web-1";
            hosts.db-1.addr = "db-1";
            hosts.db-1.base = "nixos";
          }).nixfleet
          )
          hosts
          ;
      in
      lib.mapAttrs (_: host: [
        (host.options ? nixfleet.files)
        (host.config ? nixfleet.files)
        host.pkgs.hello.name
      ]) hosts;
    expected = lib.genAttrs [ "db-1" "web-1" ] (_: [
      true
      true
      "hello-2.0"
    ]);
  };
}
