# Files of the store that a text names without Nix knowing it.
{ nixfleet, ... }:
let
  # A flake stands in the store, where Nix evaluates it.
  source = builtins.path {
    path = ./program;
    name = "source";
  };
  plain = "${builtins.unsafeDiscardStringContext source}/start.sh";

  problemsOf =
    module:
    map (problem: problem.option)
      (nixfleet.evalFleet {
        inputs.self = {
          outPath = source;
        };
        modules = [
          {
            hosts.host = {
              addr = "host";
              modules = [ module ];
            };
          }
        ];
      }).intents.host.problems;
in
{
  "the fleet's own source is missed in texts, even beside another reference" = {
    expr = problemsOf {
      nixfleet.files."/etc/a".text = "see ${plain}";
      nixfleet.systemd.units."a.service".sections.Service.ExecStart = "${./world.nix} ${plain}";
    };
    expected = [
      ''nixfleet.files."/etc/a"''
      ''nixfleet.systemd.units."a.service"''
    ];
  };

  "a reference that Nix knows is none that is missed" = {
    expr = problemsOf {
      nixfleet.files."/etc/a".text = "see ${source}/start.sh";
      nixfleet.systemd.units."a.service".sections.Service.ExecStart = "${source}/start.sh";
      nixfleet.systemd.units."b.service".sections.Service.ExecStart = ./program/start.sh;
    };
    expected = [ ];
  };
}
