# Names that a program would read as options, and a name with a letter of another alphabet.
{
  hosts."-web".addr = "web-1";
  hosts."wеb".addr = "web-2";
  hosts.web-1 = {
    addr = "-oProxyCommand=id";
    ssh.user = "-oProxyCommand=id";
    tags = [ "-prod" ];
    roles = [ "-app" ];
    modules = [
      {
        nixfleet.files."/etc/ü 日本".text = "x";
        nixfleet.files."/etc/a\tb".text = "x";
        nixfleet.groups."-wheel" = { };
        nixfleet.healthChecks."-page".unit = "web.service";
      }
    ];
  };
}
