{
  defaults.rollout = {
    waves = [
      0
      "110%"
    ];
    canary = "@canary";
    soak = "5 minutes";
    maxFailures = -1;
    onFailure = "rollback";
    maxParalel = 4;
  };

  hosts.db-1 = {
    addr = "db-1";
    tags = [
      "db"
      "rack:"
    ];
    pin.reason = "a regression";
  };
  hosts.db-2 = {
    addr = "db-2";
    tags = [ "db" ];
    pin = {
      rev = "4f2c9d1";
      until = "31.1.2027";
    };
  };
  hosts.web-1 = {
    addr = "web-1";
    tags = [ "web" ];
    maintenance = true;
  };
  hosts.cache-1 = {
    addr = "cache-1";
    tags = [ "cache" ];
  };

  tags.db = {
    before = [
      "web"
      "wbe"
    ];
    maxDown = 0;
  };
  tags.web.before = [ "cache" ];
  tags.cache.before = [ "db" ];
  tags.bd.rollout.soak = "1w";
}
