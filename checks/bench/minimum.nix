# The same derivations as in fleet.nix, written by hand without options, checks or merging. This measures the
# minimum cost of evaluation.
{
  nixpkgs,
  activator,
  hosts ? 1000,
  files ? 20,
}:
let
  lib = import (nixpkgs + "/lib");
  binary = "${builtins.path {
    path = activator;
    name = "nixfleet-activate";
  }}";

  file = name: index: {
    path = "/etc/bench/${toString index}.conf";
    text = "host = ${name}\nindex = ${toString index}\n";
    source = null;
    mode = "0640";
    owner = "root";
    group = "root";
    restartUnits = [ "bench.service" ];
    reloadUnits = [ ];
    validate = null;
    onConflict = "fail";
  };

  unit = name: {
    name = "bench.service";
    text = "[Unit]\nDescription=Bench of ${name}\n\n[Service]\nExecStart=/bin/sleep infinity\n\n[Install]\nWantedBy=multi-user.target\n";
    dropIns = [ ];
    enabled = true;
    restartIfChanged = true;
    reloadIfChanged = false;
    stopIfRemoved = true;
    onConflict = "fail";
  };

  closure =
    name:
    derivation {
      name = "nixfleet-${name}";
      system = "x86_64-linux";
      builder = binary;
      args = [ "build" ];
      __structuredAttrs = true;
      preferLocalBuild = true;
      allowSubstitutes = false;
      intent = {
        schema = 1;
        host = name;
        base = "ubuntu";
        system = "x86_64-linux";
        activator = binary;
        profile = null;
        packages = [ ];
        groups = [ ];
        users = [ ];
        directories = [ ];
        files = lib.sort (a: b: a.path < b.path) (lib.genList (file name) files);
        units = [ (unit name) ];
      };
    };
in
lib.listToAttrs (
  lib.genList (
    index:
    let
      name = "host-${toString index}";
    in
    lib.nameValuePair name (closure name).drvPath
  ) hosts
)
