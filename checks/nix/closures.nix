# Tests of two built closures: that of the Ubuntu host in everything.nix, and that of a NixOS host.
{
  lib,
  closure,
  nixosClosure,
  ...
}:
let
  # Reads the manifest of a closure. When Nix reads a file of the store, the text gets the store paths in the
  # file as its string context. fromJSON does not accept a text with context, so the context is removed.
  manifestOf =
    closure:
    builtins.fromJSON (
      builtins.unsafeDiscardStringContext (builtins.readFile "${closure}/manifest.json")
    );
  manifest = manifestOf closure;
in
{
  "the builder takes what every option says" = {
    expr = {
      entries = lib.mapAttrs (_: entry: entry.kind) manifest.entries;
      units = lib.mapAttrs (_: unit: unit.enabled) manifest.units;
      users = map (user: user.name) manifest.users;
      groups = map (group: "${group.name} ${toString group.gid}") manifest.groups;
      packages = map (package: package.name) manifest.packages;
      healthChecks = map (check: "${check.name}: ${check.kind}") manifest.healthChecks;
      inherit (manifest) maxFileSize;
    };
    expected = {
      entries = {
        "/etc/app.conf" = "file";
        "/etc/app.nix" = "file";
        "/etc/apt/auth.conf.d/nixfleet-app.conf" = "link";
        "/etc/apt/keyrings/nixfleet-app.asc" = "file";
        "/etc/apt/keyrings/nixfleet-binary.gpg" = "file";
        "/etc/apt/preferences.d/nixfleet-pin-backports.pref" = "file";
        "/etc/apt/preferences.d/nixfleet-source-app.pref" = "file";
        "/etc/apt/sources.list.d/nixfleet-app.sources" = "file";
        "/etc/apt/sources.list.d/nixfleet-binary.sources" = "file";
        "/etc/host" = "file";
        "/etc/profile.d/nixfleet.sh" = "file";
        "/etc/ssh/nixfleet-keys" = "directory";
        "/etc/ssh/nixfleet-keys/app" = "file";
        "/etc/ssh/sshd_config.d/60-nixfleet.conf" = "file";
        "/etc/systemd/system/app.path" = "file";
        "/etc/systemd/system/app.service" = "file";
        "/etc/systemd/system/app.socket" = "file";
        "/etc/systemd/system/app.target" = "file";
        "/etc/systemd/system/app.timer" = "file";
        "/etc/systemd/system/application.service" = "link";
        "/etc/systemd/system/multi-user.target.wants/app.service" = "link";
        "/etc/systemd/system/nixfleet-recover.service" = "file";
        "/etc/systemd/system/sockets.target.wants/app.socket" = "link";
        "/etc/systemd/system/ssh.service.d/10-limits.conf" = "file";
        "/etc/systemd/system/ssh.service.d/20-text.conf" = "file";
        "/etc/systemd/system/sysinit.target.d/nixfleet-recover.conf" = "file";
        "/etc/systemd/system/timers.target.wants/app.timer" = "link";
        "/srv/app" = "directory";
        "/srv/app/current" = "link";
        "/srv/old" = "absent";
      };
      units = {
        "app.path" = false;
        "app.service" = true;
        "app.socket" = true;
        "app.target" = false;
        "app.timer" = true;
        "ssh.service" = null;
      };
      users = [ "app" ];
      groups = [ "app 990" ];
      packages = [ "hello" ];
      healthChecks = [
        "app: unit"
        "page: http"
        "port: tcp"
        "script: command"
        "self: command"
      ];
      maxFileSize = 268435456;
    };
  };

  "a file from the store has its own content" = {
    expr = builtins.hashFile "sha256" ./everything.nix == manifest.entries."/etc/app.nix".sha256;
    expected = true;
  };

  # This test reads references from string contexts: when Nix reads a file of the store, the text gets the
  # store paths in the file as its string context.
  "the closure brings the files that units and commands name" = {
    expr =
      let
        namesIn =
          file:
          lib.sort lib.lessThan (map nameOf (lib.attrNames (builtins.getContext (builtins.readFile file))));
        nameOf = path: lib.substring 33 (-1) (baseNameOf path);
        ofEntry = path: namesIn "${closure}/${manifest.entries.${path}.source}";
      in
      {
        unit = ofEntry "/etc/systemd/system/app.service";
        dropIn = ofEntry "/etc/systemd/system/ssh.service.d/10-limits.conf";
        commands = lib.filter (lib.hasSuffix ".sh") (namesIn "${closure}/manifest.json");
      };
    expected = {
      unit = [
        "environment"
        "hello-2.0"
        "start.sh"
      ];
      dropIn = [ "stop.sh" ];
      commands = [
        "check.sh"
        "compile.sh"
        "validate.sh"
      ];
    };
  };

  "the closure brings the profile and the activator" = {
    expr = lib.sort lib.lessThan (lib.attrNames (builtins.readDir closure));
    expected = [
      "activate"
      "files"
      "manifest.json"
      "sw"
    ];
  };

  "the closure of a NixOS host has its system, and what the system needs a boot for" = {
    expr =
      let
        inherit (manifestOf nixosClosure) entries nixos;
      in
      {
        entries = lib.attrNames entries;
        isSystem = lib.hasInfix "-nixos-system-host-" nixos.toplevel;
        inherit (nixos) inhibitors loader;
        boot = lib.attrNames nixos.boot;
        params = nixos.boot.kernel-params;
        parts = builtins.readDir nixosClosure;
      };
    expected = {
      entries = [ "/srv/app.conf" ];
      isSystem = true;
      inhibitors = {
        dbus-implementation = "broker";
        init-interface-version = "systemd 2";
      };
      loader = "grub";
      boot = [
        "initrd"
        "kernel"
        "kernel-modules"
        "kernel-params"
      ];
      params = "quiet";
      parts = {
        activate = "symlink";
        files = "directory";
        "manifest.json" = "regular";
        system = "symlink";
        "system.json" = "regular";
      };
    };
  };
}
