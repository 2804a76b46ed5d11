# Tests of the rollout options that the command line receives.
{ mkFleet, nixfleet, ... }:
let
  fleetOf = module: (mkFleet module).nixfleet.fleet;

  # The revision that the command line receives for a value of `inputs.self`.
  revisionOf =
    self:
    (nixfleet.mkFleet {
      inputs = if self == null then { } else { inherit self; };
    }).nixfleet.fleet.revision;
in
{
  "the command line gets to know the revision, and whether the tree has changes" = {
    expr = map revisionOf [
      { rev = "4f2c9d1"; }
      { dirtyRev = "4f2c9d1-dirty"; }
      { }
      null
    ];
    expected = [
      "4f2c9d1"
      "4f2c9d1-dirty"
      null
      null
    ];
  };

  "a policy arrives with numbers, parts and seconds, and without what is not said" = {
    expr =
      (fleetOf {
        defaults.rollout = {
          waves = [
            1
            "10%"
          ];
          canary = [ "@canary" ];
          soak = "5m";
          maxFailures = "5%";
        };
      }).rollout;
    expected = {
      waves = [
        1
        "10%"
      ];
      canary = [ "@canary" ];
      soak = 300;
      maxFailures = "5%";
    };
  };

  "tags have a budget, an order and rules of their own" = {
    expr =
      (fleetOf {
        hosts.db-1 = {
          addr = "db-1";
          tags = [
            "db"
            "rack:a"
          ];
        };
        hosts.web-1 = {
          addr = "web-1";
          tags = [ "web" ];
        };
        tags.db = {
          maxDown = 1;
          before = [ "web" ];
          rollout.soak = 60;
        };
        tags.web = { };
      }).tags;
    expected = {
      db = {
        maxDown = 1;
        before = [ "web" ];
        rollout.soak = 60;
      };
      web = {
        before = [ ];
        rollout = { };
      };
    };
  };

  "a host can be left alone, or kept at a generation" = {
    expr =
      let
        inherit
          (fleetOf {
            hosts.a = {
              addr = "a";
              maintenance = "new disks";
            };
            hosts.b = {
              addr = "b";
              pin = {
                generation = 12;
                reason = "a regression";
                until = "2027-01-31";
              };
            };
          })
          hosts
          ;
      in
      [
        hosts.a.maintenance
        hosts.b.pin
      ];
    expected = [
      "new disks"
      {
        generation = 12;
        rev = null;
        reason = "a regression";
        until = "2027-01-31";
      }
    ];
  };

  "recipients arrive with seconds, and without what is not said" = {
    expr =
      (fleetOf {
        notifications.team = {
          kind = "slack";
          urlFile = "~/.config/nixfleet/slack";
          on = [ "failure" ];
          timeout = "5s";
        };
        notifications.screen = {
          kind = "command";
          command = [
            "notify-send"
            "NixFleet"
          ];
        };
      }).notifications;
    expected = {
      team = {
        kind = "slack";
        urlFile = "~/.config/nixfleet/slack";
        command = [ ];
        on = [ "failure" ];
        timeout = 5;
      };
      screen = {
        kind = "command";
        command = [
          "notify-send"
          "NixFleet"
        ];
        on = [
          "start"
          "pause"
          "failure"
          "success"
        ];
        timeout = 10;
      };
    };
  };
}
