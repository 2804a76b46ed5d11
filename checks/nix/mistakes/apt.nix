# Mistakes in `nixfleet.apt`.
let
  right = {
    uris = [ "https://packages.example.org/debian" ];
    suites = [ "bookworm" ];
    components = [ "main" ];
    keyring = "/usr/share/keyrings/app.gpg";
  };
in
{
  hosts.packages.addr = "packages";
  hosts.packages.modules = [
    {
      nixfleet.apt.packages = {
        Nginx = { };
        "nginx core" = { };
        ifupdown.state = "absent";
        openssh-server.state = "absent";
        "sudo:amd64".state = "purged";
        gone = {
          state = "absent";
          version = "1.0";
          hold = true;
          start = "never";
          debconf."gone/answer".value = "x";
        };
        held.state = "absent";
        latest.state = "latest";
        started.start = true;
        version.version = "latest";
        renamed.ensure = "present";
        asked.debconf = {
          "asked/boolean" = {
            type = "boolean";
            value = "yes";
          };
          "asked/secret" = {
            type = "password";
            value = "x";
          };
          "asked/slash".value = "x\\";
          "asked/none" = { };
          asked.value = "x";
        };
      };
      nixfleet.apt.holds = [
        "held"
        "Linux-*"
      ];
    }
  ];

  hosts.names.addr = "names";
  hosts.names.modules = [
    {
      nixfleet.apt.packages = [
        "nginx"
        "Redis"
        7
      ];
    }
  ];

  hosts.string.addr = "string";
  hosts.string.modules = [ { nixfleet.apt.packages = "nginx"; } ];

  hosts.sources.addr = "sources";
  hosts.sources.modules = [
    {
      nixfleet.apt.sources = {
        empty = { };
        "with space" = right;
        login = right // {
          uris = [ "https://ada:secret@packages.example.org/debian" ];
        };
        bare = right // {
          uris = [ "packages.example.org/debian" ];
        };
        flat = right // {
          suites = [ "./" ];
        };
        incomplete = right // {
          components = [ ];
        };
        unsigned = right // {
          keyring = null;
        };
        twice = right // {
          key = ../../fixtures/keys/app.asc;
          keyFingerprint = "F046E6E33FE45CC66938F4585B45C22C3D8E713D";
        };
        unnamed = right // {
          keyring = null;
          key = ./apt.nix;
          keyFingerprint = "F046E6E33FE45CC66938F4585B45C22C3D8E713D";
        };
        unchecked = right // {
          keyring = null;
          key = ../../fixtures/keys/app.asc;
        };
        short = right // {
          keyring = null;
          key = ../../fixtures/keys/app.asc;
          keyFingerprint = "ACCC4CF8";
        };
        compared = right // {
          keyFingerprint = "F046E6E33FE45CC66938F4585B45C22C3D8E713D";
        };
        stored = right // {
          credentials = "${./apt.nix}";
        };
        local = right // {
          uris = [ "file:///srv/packages" ];
          onlyPackages = [ "app" ];
        };
        released = right // {
          release = "n=bookworm";
        };
        zero = right // {
          priority = 0;
          uris = [ "https://other.example.org/debian" ];
        };
        url = right // {
          url = "https://packages.example.org/debian";
        };
      };
    }
  ];

  hosts.origins.addr = "origins";
  hosts.origins.modules = [
    {
      nixfleet.apt.sources.app = right // {
        onlyPackages = [ "app" ];
      };
      nixfleet.apt.sources.other = right;
    }
  ];

  hosts.pins.addr = "pins";
  hosts.pins.modules = [
    {
      nixfleet.apt.pins = {
        empty = { };
        nothing = {
          packages = [ "app" ];
          priority = 500;
        };
        both = {
          packages = [ "app" ];
          priority = 500;
          version = "1.*";
          origin = "packages.example.org";
        };
        zero = {
          packages = [ "app" ];
          priority = 0;
          version = "1.*";
        };
        release = {
          packages = [ "app" ];
          priority = 500;
          release = "bookworm";
        };
      };
    }
  ];

  hosts.nixos = {
    addr = "nixos";
    base = "nixos";
    modules = [
      {
        nixfleet.apt.packages = [ "nginx" ];
        nixfleet.apt.holds = [ "linux-*" ];
      }
    ];
  };

  hosts.bare.addr = "bare";
  hosts.bare.modules = [ { apt.packages = [ "nginx" ]; } ];
}
