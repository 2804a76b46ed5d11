# One place on a host can be one thing.
{ lib, types }:
let
  inherit (types) problem;

  unitPaths =
    units:
    lib.concatLists (
      lib.mapAttrsToList (
        name: unit:
        lib.optional (unit.text != null) "/etc/systemd/system/${name}"
        ++ map (file: "/etc/systemd/system/${name}.d/${file}") (lib.attrNames unit.dropIns)
      ) units
    );

  fileDefinition =
    options: path:
    let
      defs = options.nixfleet.files.definitionsWithLocations;
      def = lib.findFirst (d: d.value ? ${path}) (lib.head defs) defs;
    in
    {
      inherit (def) file;
      parent = def.value;
      attr = path;
    };

  taken =
    options: path: by: example:
    problem.make {
      loc = [
        "nixfleet"
        "files"
        path
      ];
      def = fileDefinition options path;
      what = "${path} is declared twice, as a file and ${by}";
      why = "one place can be one thing";
      inherit example;
    };
in
{
  problems =
    {
      intent,
      added,
      options,
    }:
    let
      inherit (intent) files;
      asDirectory = lib.attrNames (builtins.intersectAttrs intent.directories files);
      asUnit = lib.filter (path: files ? ${path}) (unitPaths intent.units);
      asAddition = lib.concatMap (more: lib.attrNames (builtins.intersectAttrs more.files files)) added;
    in
    map (path: taken options path "as a directory" "nixfleet.directories.${builtins.toJSON path} = { };") asDirectory
    ++ map (
      path: taken options path "in nixfleet.systemd.units" "nixfleet.systemd.units.\"…\" = { … };"
    ) asUnit
    ++ map (
      path: taken options path "by NixFleet itself" "nixfleet.files.\"/etc/…\" = { … };"
    ) asAddition;
}
