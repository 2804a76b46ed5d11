{
  roles.web = { };
  roles."no spaces" = { };

  rolls.db = { };

  defaults.ssh.port = "22";
  defaults.rollout.confirmTimeout = "2 minutes";
  defaults.timeouts.answer = "2d";

  hosts.web-1 = {
    addr = "10.0.1.11";
    roles = [ "wbe" ];
    tags = "web";
    ssh.hostKey = "AAAA";
    rollout.confirmTimeout = "1d";
  };
  hosts.web-2 = {
    addr = "10.0.1.11";
    adress = "10.0.1.12";
    roles = [ "monitoring" ];
  };
  hosts.web-3.timeouts = {
    connect = "0s";
    copies = "1d";
    silence = 2;
  };
  hosts.web_4 = {
    addr = "-oProxyCommand=true";
    base = "debian";
  };
  hosts.db-1 = {
    addr = "10.0.2.11";
  };
  hosts.db-2 = "10.0.2.12";
}
