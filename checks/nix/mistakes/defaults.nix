{ lib, ... }:
{
  defaults = {
    roles = [ "bsae" ];
  };

  roles.base = { };
  roles.web = { };

  # Several hosts have the same mistake, which is reported once.
  hosts =
    lib.genAttrs [ "web-1" "web-2" "web-3" ] (name: {
      addr = name;
      roles = [ "wbe" ];
    })
    // {
      db-1 = {
        addr = "db-1";
        roles = [
          "bsae"
          "db"
        ];
      };
    };
}
