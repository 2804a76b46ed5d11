# Tests of store paths in texts without string context. Without the context, Nix does not know that the text
# refers to the store.
{ nixfleet, ... }:
let
  # The source of the fleet. Nix copies a flake to the store before it evaluates the flake.
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
