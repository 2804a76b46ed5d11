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
  hosts.all = {
    addr = "all-1";
    tags = [ "all" ];
  };
  hosts.web-1 = {
    addr = "web-1";
    tags = [
      "web"
      "all"
    ];
    maintenance = true;
  };
  hosts.web-2 = {
    addr = "web-2";
    maintenance = "";
    pin = {
      generation = 1;
      reason = " ";
      until = "2027-02-30";
    };
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
  tags.web.rollout.waves = [
    1
    1
    1
  ];
  tags.cache.rollout.waves = [
    "50%"
    5
    "20%"
  ];
  tags.all.rollout.waves = [
    "100%"
    3
  ];
  tags.cache.before = [ "db" ];
  tags.bd.rollout.soak = "1w";
}
