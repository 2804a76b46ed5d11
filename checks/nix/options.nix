# Every option says what it is.
{ lib, evalFleet, ... }@world:
let
  fleet = evalFleet {
    hosts.host.addr = "host";
  };

  all =
    lib.optionAttrSetToDocList (removeAttrs fleet.options [ "_module" ])
    ++ lib.optionAttrSetToDocList (removeAttrs fleet.intents.host.options [ "_module" ]);

  without = test: map (option: option.name) (lib.filter (option: !test option) all);
in
{
  "every option has a description that is a sentence" = {
    expr = without (
      option:
      lib.any (end: lib.hasSuffix end (option.description or "")) [
        "."
        ".\n"
      ]
    );
    expected = [ ];
  };
  "the reference is what the options say, or `checks/nix/run --rewrite` is due" = {
    expr = import ./reference.nix world;
    expected = builtins.readFile ../../docs/reference/options.md;
  };
  "every option has a type" = {
    expr = without (option: (option.type or "unspecified") != "unspecified");
    expected = [ ];
  };
  "every option has an example" = {
    expr = without (option: option ? example);
    expected = [ ];
  };
  "every option has a default or says that it must be given" = {
    expr = without (option: option ? default);
    expected = [ ];
  };
  "fields of files, hosts and units are options too" = {
    expr = lib.filter (name: !lib.elem name (map (option: option.name) all)) [
      "hosts.<name>.pin.until"
      "hosts.<name>.ssh.port"
      "nixfleet.files.<name>.mode"
      "nixfleet.healthChecks.<name>.http.url"
      "nixfleet.systemd.units.<name>.dropIns.<name>.text"
      "nixfleet.users.<name>.openssh.authorizedKeys"
      "tags.<name>.rollout.soak"
    ];
    expected = [ ];
  };
}
