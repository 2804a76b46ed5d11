# Reports declared paths that NixOS makes itself, and declared paths that nothing on NixOS reads.
{
  declarations,
  etc,
  lib,
  mistake,
  ...
}:
let
  flat =
    list:
    lib.concatMap (
      { paths, ... }@place:
      map (path: {
        inherit path;
        inherit (place) why help;
      }) paths
    ) list;
  places = lib.mapAttrs (_: flat) (import ./nixos-places.nix);

  covers = path: place: path == place.path || lib.hasPrefix "${place.path}/" path;

  refused =
    list: option: path:
    let
      place = lib.findFirst (covers path) null list;
    in
    lib.optional (place != null) (
      mistake option path [ ] {
        what = "${path} cannot be declared on a NixOS host";
        inherit (place) why help;
      }
    );

  # `made` returns the mistake for a declared path that clashes with an entry of `environment.etc`. `madeAt`
  # reports an entry at the path itself. `madeIn` is for a path that must be absent, so it reports the entries
  # below the path too.
  made =
    option: path: found:
    mistake option path [ ] {
      what = "NixOS makes /etc/${found} itself";
      why = "environment.etc.${builtins.toJSON found} is declared, and a path can be declared only once";
      example = "environment.etc.${builtins.toJSON found}.enable = lib.mkForce false;";
    };
  madeAt =
    names: option: path:
    map (made option path) (lib.filter (name: path == "/etc/${name}") names);
  madeIn =
    names: option: path:
    map (made option path) (lib.filter (name: covers "/etc/${name}" { inherit path; }) names);

  # `above` lists the directories between /etc and the path. `madeAbove` reports the path if NixOS makes one
  # of these directories as a whole.
  above = path: if dirOf path == "/etc" then [ ] else [ (dirOf path) ] ++ above (dirOf path);
  madeAbove =
    declared: option: path:
    let
      isMade =
        directory:
        declared.definitionOf (etc.name directory) (value: value ? text || value ? source) != null;
    in
    map (
      directory:
      mistake option path [ ] {
        what = "${path} cannot be declared on a NixOS host";
        why = "NixOS makes ${directory} as a whole: environment.etc.${builtins.toJSON (etc.name directory)} is declared";
        help = "use the options of NixOS that generate ${directory}";
      }
    ) (lib.filter isMade (lib.optionals (etc.isIn path) (above path)));
in
{
  config = _: { };

  problems =
    { intent, options, ... }:
    let
      inherit (options) nixfleet;
      declared = declarations options.environment.etc;
      each =
        option: check: entries:
        lib.concatMap (check option) (lib.attrNames entries);
      standing =
        list: option: path:
        let
          known = refused list option path;
        in
        if known != [ ] then known else madeAbove declared option path;
      directories = etc.within intent.directories;
      absent = etc.within intent.absent;
      # The names of all entries of `environment.etc`. They are listed only if the host needs them, because
      # Nix then has to evaluate every module that declares an entry.
      names = lib.optionals (directories // absent != { }) declared.names;
    in
    each nixfleet.files (standing (places.made ++ places.unread)) intent.files
    ++ each nixfleet.links (standing (places.made ++ places.unread)) intent.links
    ++ each nixfleet.directories (standing places.made) intent.directories
    ++ each nixfleet.absent (standing places.made) intent.absent
    ++ each nixfleet.directories (madeAt names) directories
    ++ each nixfleet.absent (madeIn names) absent;
}
