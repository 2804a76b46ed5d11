{
  hosts.web-1.addr = "web-1";

  notifications = {
    a = { };
    b = {
      kind = "slack";
      url = "https://hooks.slack.com/services/T0/B0/x";
    };
    c = {
      kind = "webhook";
      url = "https://ada:password@example.org/";
      urlFile = "/run/secrets/url";
    };
    d = {
      kind = "discord";
      urlFile = ./notifications.nix;
    };
    e = {
      kind = "ntfy";
      urlFile = "/nix/store/secret";
      tokenEnv = "A TOKEN";
    };
    f.kind = "command";
    f2 = {
      kind = "command";
      command = [ "" ];
    };
    g = {
      kind = "command";
      command = [ "notify-send" ];
      urlEnv = "URL";
      on = [ "pasue" ];
      timeout = "10m";
    };
    h = {
      kind = "mail";
      tokens = "x";
    };
    i = {
      kind = "webhook";
      url = "example.org";
      tokenFile = "~/token";
      tokenEnv = "TOKEN";
    };
  };
}
