{ inputs, ... }:
{
  _module.args.inputs = { };
  hosts.web-1.addr = "web-1";
  hosts.web-1.modules = [
    {
      _module.args.pkgs = inputs.nixpkgs;
      _module.args.host = { };
      _module.args.port = 8080;
    }
  ];
}
