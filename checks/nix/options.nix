# Tests that every option is documented.
{ lib, evalFleet, ... }@world:
let
  fleet = evalFleet {
    hosts.host.addr = "host";
  };

  all =
    lib.optionAttrSetToDocList (removeAttrs fleet.options [ "_module" ])
    ++ lib.optionAttrSetToDocList (removeAttrs fleet.intents.host.options [ "_module" ]);

  # The options whose example is not a valid value, including the options of their elements and fields.
  # Examples that are code are not checked.
  wrongExamples =
    loc: option:
    let
      def = {
        file = "example";
        value = option.example;
      };
      isCode = option.example._type or null != null;
      isWrong = option.type ? resolve && !isCode && (option.type.resolve loc [ def ]).problems != [ ];
    in
    lib.optional isWrong (lib.showOption loc)
    ++ lib.concatLists (
      lib.mapAttrsToList (name: wrongExamples (loc ++ [ name ])) (option.type.getSubOptions loc)
    );
  declared =
    options:
    lib.concatMap (option: wrongExamples option.loc option) (
      lib.collect lib.isOption (removeAttrs options [ "_module" ])
    );

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
  # An option for a single package would be made with `mkPackageOption`.
  "no option has a single package as its value" = {
    expr = without (
      option:
      !lib.elem (option.type or "") [
        "package"
        "null or package"
      ]
    );
    expected = [ ];
  };
  "every option has an example" = {
    expr = without (option: option ? example);
    expected = [ ];
  };
  "every example is a right value" = {
    expr = declared fleet.options ++ declared fleet.intents.host.options;
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
      "nixfleet.absent.<name>.recursive"
      "nixfleet.files.<name>.mode"
      "nixfleet.healthChecks.<name>.http.url"
      "nixfleet.systemd.units.<name>.dropIns.<name>.text"
      "nixfleet.users.<name>.openssh.authorizedKeys"
      "tags.<name>.rollout.soak"
    ];
    expected = [ ];
  };
}
