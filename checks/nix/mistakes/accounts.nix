{
  hosts.web-1.addr = "web-1";
  hosts.web-1.modules = [
    {
      nixfleet.users.web = {
        group = "wbe";
        extraGroups = [
          "adm"
          "docker"
        ];
      };
      nixfleet.users."Ada Lovelace".system = false;
      nixfleet.users.ada.description = "Ada: the first";
      nixfleet.users.eve.description = "Eve\tTab";
      nixfleet.users.four.extraGroups = [ "27" ];
      nixfleet.users.one.uid = 990;
      nixfleet.users.two.uid = 990;
      nixfleet.users.three.openssh.authorizedKeys = [ "AAAA" ];
      nixfleet.users.root.shell = "/bin/zsh";
      nixfleet.groups.web = [ ];
    }
  ];
}
