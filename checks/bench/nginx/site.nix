{
  nixfleet.apt.packages = [ "nginx" ];
  nixfleet.files."/srv/site/index.html".text = "site";
  nixfleet.files."/etc/nginx/sites-available/site" = {
    source = ./site.conf;
    onChange = [
      "/usr/sbin/nginx"
      "-t"
    ];
    reloadUnits = [ "nginx.service" ];
  };
  nixfleet.links."/etc/nginx/sites-enabled/site".target = "../sites-available/site";
  nixfleet.absent."/etc/nginx/sites-enabled/default".reloadUnits = [ "nginx.service" ];
  nixfleet.systemd.units."nginx.service" = {
    enabled = true;
    running = true;
  };
}
