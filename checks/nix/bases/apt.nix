# Rows about `nixfleet.apt`. ./default.nix explains the form of a row.
{ lib, ... }:
let
  # The files and links of an Intent document that apt reads, by path. A file from the store is shown by its
  # name.
  read =
    intent:
    lib.listToAttrs (
      map (
        file:
        lib.nameValuePair (lib.removePrefix "/etc/apt/" file.path) (
          if file.text or null != null then
            file.text
          else
            lib.removePrefix "${builtins.storeDir}/" (
              builtins.unsafeDiscardStringContext (file.target or (baseNameOf (toString file.source)))
            )
        )
      ) (lib.filter (file: lib.hasPrefix "/etc/apt/" file.path) (intent.files ++ intent.links))
    );

  refused = [ "nixfleet.apt cannot be declared for a host of the base \"nixos\"" ];

  fingerprint = "B97B 0AFC AA1A 47F0 44F2  44A0 7FCC 7D46 ACCC 4CF8";
in
{
  "a package source with a key" = {
    module.nixfleet.apt.sources.app = {
      types = [
        "deb"
        "deb-src"
      ];
      uris = [ "https://packages.example.org:8443/debian" ];
      suites = [ "bookworm" ];
      components = [
        "main"
        "contrib"
      ];
      architectures = [
        "amd64"
        "arm64"
      ];
      key = ../../fixtures/keys/app.asc;
      keyFingerprint = lib.toLower fingerprint;
      credentials = "/etc/app/login";
      onlyPackages = [
        "app"
        "app-*"
      ];
      priority = 600;
    };
    ubuntu = intent: {
      files = lib.mapAttrs (
        _: text: if lib.hasSuffix "-app.asc" text then "app.asc of the fleet" else text
      ) (read intent);
      keys = intent.apt.keys or null;
    };
    onUbuntu = {
      files = {
        "auth.conf.d/nixfleet-app.conf" = "/etc/app/login";
        "keyrings/nixfleet-app.asc" = "app.asc of the fleet";
        "preferences.d/nixfleet-source-app.pref" = ''
          # nixfleet.apt.sources.app

          Package: app app-*
          Pin: origin "packages.example.org"
          Pin-Priority: 600

          Package: *
          Pin: origin "packages.example.org"
          Pin-Priority: -1
        '';
        "sources.list.d/nixfleet-app.sources" = ''
          # nixfleet.apt.sources.app
          Types: deb deb-src
          URIs: https://packages.example.org:8443/debian
          Suites: bookworm
          Components: main contrib
          Architectures: amd64 arm64
          Signed-By: /etc/apt/keyrings/nixfleet-app.asc
        '';
      };
      keys = [
        {
          option = "nixfleet.apt.sources.app.key";
          path = "/etc/apt/keyrings/nixfleet-app.asc";
          fingerprint = lib.replaceStrings [ " " ] [ "" ] fingerprint;
        }
      ];
    };
    nixos = _: null;
    onNixos = refused;
    # No option of apt can be declared on NixOS, with or without its optional fields.
    withoutEffectOnNixos = map (field: "apt.sources.app.${field}") [
      "architectures"
      "credentials"
      "onlyPackages"
      "priority"
      "types"
    ];
  };

  "a package source with a keyring of the host" = {
    module.nixfleet.apt.sources.backports = {
      uris = [ "http://packages.example.org/debian" ];
      suites = [ "./" ];
      keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
      release = "n=bookworm-backports";
      priority = 100;
    };
    ubuntu = intent: {
      files = read intent;
      keys = intent.apt.keys or null;
    };
    onUbuntu = {
      files = {
        "preferences.d/nixfleet-source-backports.pref" = ''
          # nixfleet.apt.sources.backports

          Package: *
          Pin: release n=bookworm-backports
          Pin-Priority: 100
        '';
        "sources.list.d/nixfleet-backports.sources" = ''
          # nixfleet.apt.sources.backports
          Types: deb
          URIs: http://packages.example.org/debian
          Suites: ./
          Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
        '';
      };
      keys = [ ];
    };
    nixos = _: null;
    onNixos = refused;
    withoutEffectOnNixos = map (field: "apt.sources.backports.${field}") [
      "release"
    ];
  };

  "pins" = {
    module.nixfleet.apt.pins = {
      a = {
        packages = [
          "nginx"
          "linux-*"
        ];
        release = "o=Debian,n=sid";
        priority = -10;
      };
      b = {
        packages = [ "*" ];
        origin = "packages.example.org";
        priority = 1001;
      };
      c = {
        packages = [ "nginx" ];
        version = "1.22.*";
        priority = 990;
      };
    };
    ubuntu = read;
    onUbuntu = {
      "preferences.d/nixfleet-pin-a.pref" = ''
        # nixfleet.apt.pins.a

        Package: nginx linux-*
        Pin: release o=Debian,n=sid
        Pin-Priority: -10
      '';
      "preferences.d/nixfleet-pin-b.pref" = ''
        # nixfleet.apt.pins.b

        Package: *
        Pin: origin "packages.example.org"
        Pin-Priority: 1001
      '';
      "preferences.d/nixfleet-pin-c.pref" = ''
        # nixfleet.apt.pins.c

        Package: nginx
        Pin: version 1.22.*
        Pin-Priority: 990
      '';
    };
    nixos = _: null;
    onNixos = refused;
  };

  "packages of apt" = {
    module.nixfleet.apt.packages = {
      nginx = {
        version = "1.22.*";
        hold = true;
        recommends = false;
        start = "never";
        debconf."nginx/port" = {
          type = "select";
          value = "80";
        };
      };
      telnet.state = "purged";
    };
    ubuntu = intent: intent.apt.packages or null;
    onUbuntu = [
      {
        name = "nginx";
        state = "present";
        version = "1.22.*";
        hold = true;
        recommends = false;
        start = "never";
        debconf = [
          {
            question = "nginx/port";
            type = "select";
            value = "80";
          }
        ];
      }
      {
        name = "telnet";
        state = "purged";
        version = null;
        hold = false;
        recommends = null;
        start = "after-activation";
        debconf = [ ];
      }
    ];
    nixos = _: null;
    onNixos = refused;
    withoutEffectOnNixos = map (field: "apt.packages.${field}") [
      "nginx.debconf.nginx/port.type"
      "nginx.hold"
      "nginx.recommends"
      "nginx.start"
      "telnet.state"
      "nginx.version"
    ];
  };

  "held packages" = {
    module.nixfleet.apt = {
      holds = [
        "nginx"
        "linux-image-*"
      ];
      lockTimeout = 60;
    };
    ubuntu = intent: intent.apt or null;
    onUbuntu = {
      packages = [ ];
      holds = [
        "nginx"
        "linux-image-*"
      ];
      lockTimeout = 60;
      keys = [ ];
    };
    nixos = _: null;
    onNixos = refused;
    withoutEffectOnNixos = [
      "apt.holds"
      "apt.lockTimeout"
    ];
  };
}
