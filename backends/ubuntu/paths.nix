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

  taken =
    options: by: example: path:
    problem.make {
      loc = [
        "nixfleet"
        "files"
        path
      ];
      def = types.definitionOf options.nixfleet.files path;
      what = "${path} is declared twice, as a file and ${by}";
      why = "one place can be one thing";
      inherit example;
    };
in
{
  # `added` are the files and directories that the backend adds.
  problems =
    {
      intent,
      added,
      options,
    }:
    let
      inherit (intent) files;
      both = more: lib.attrNames (builtins.intersectAttrs more files);
      taken' = taken options;
    in
    map (taken' "as a directory" "nixfleet.directories.\"…\" = { };") (both intent.directories)
    ++ map (taken' "in nixfleet.systemd.units" "nixfleet.systemd.units.\"…\" = { … };") (
      lib.filter (path: files ? ${path}) (unitPaths intent.units)
    )
    ++ map (taken' "by NixFleet itself" "nixfleet.files.\"/etc/…\" = { … };") (
      lib.concatMap (more: both more.files) added
    );
}
