use super::*;

/// An answer with everything that can be imported, and everything that cannot.
const ANSWER: &str = "\
architecture amd64
installed bash amd64 required yes
installed nginx amd64 optional no
installed libc6 i386 optional no
installed curl amd64 optional no
installed vim all optional no
manual bash
manual curl
manual gone
manual libc6:i386
manual nginx
held nginx
file /etc/apt/sources.list
 # main
 deb http://pkg.debian.org/debian trixie main

file /etc/apt/sources.list.d/pgdg.list
 deb [arch=amd64 signed-by=/usr/share/keyrings/pgdg.gpg] https://apt.example.org/pgdg trixie-pgdg main # comment

file /etc/apt/sources.list.d/00-tools.sources
 Types: deb deb-src
 URIs: https://tools.example.org/
  https://tools2.example.org/
 Suites: ./
 Signed-By: /etc/apt/keyrings/tools.asc
 
 Types: deb
 URIs: https://other.example.org/debian
 Suites: trixie
 Components: main contrib
 Signed-By: /etc/apt/keyrings/tools.asc

file /etc/apt/sources.list.d/secret.list
 deb [signed-by=/k.gpg] https://ada:hunter2@private.example.org/debian trixie main

file /etc/apt/sources.list.d/unsigned.list
 deb https://unsigned.example.org/${x} trixie main

file /etc/apt/sources.list.d/nixfleet-app.sources
 Types: deb

file /etc/apt/preferences.d/backports
 Explanation: \"newer\"
 Package: nginx* libnginx*
 Pin: release n=trixie-backports, o=Debian
 Pin-Priority: 500
 
 Package: *
 Pin: origin \"tools.example.org\"
 Pin-Priority: -10

file /etc/apt/preferences.d/regex
 Package: /nginx.*/
 Pin: release a=stable
 Pin-Priority: 1

unreadable /etc/apt/sources.list.d/closed.list
trusted /etc/apt/trusted.gpg.d/old.gpg
news
";

#[test]
fn everything_that_can_be_declared_is_and_the_rest_is_told() {
    let draft = AptDraft::of("web-1", ANSWER);
    expect_test::expect![[r##"
        # The packages, sources and pins of apt on web-1, as read by `nixfleet import apt`.
        # A line that begins with `# apt:` tells what was not imported.
        # Remove the packages that the fleet need not install. apt also marks packages as installed by hand
        # that an image of a cloud contains.
        {
          # apt: the package gone is not installed
          # apt: packages of the priorities required, important and standard are left out: 1
          # apt: /etc/apt/sources.list.d/closed.list: the user may not read this file
          # apt: /etc/apt/sources.list.d/secret.list stays as it is: an address contains a login, which is
          # not copied; use `credentials`
          # apt: /etc/apt/sources.list.d/unsigned.list stays as it is: the address
          # https://unsigned.example.org/${x} cannot be declared
          # apt: /etc/apt/sources.list.d/nixfleet-app.sources: a fleet declares this file already
          # apt: /etc/apt/preferences.d/regex stays as it is: a pin has packages that cannot be declared
          # apt: /etc/apt/trusted.gpg.d/old.gpg: apt trusts this keyring for each source without a keyring
          # of its own

          nixfleet.apt.packages = [
            "curl"
            "libc6:i386"
            "nginx"
          ];

          nixfleet.apt.holds = [ "nginx" ];

          nixfleet.apt.sources.apt-00-tools = {
            types = [
              "deb"
              "deb-src"
            ];
            uris = [
              "https://tools.example.org/"
              "https://tools2.example.org/"
            ];
            suites = [ "./" ];
            keyring = "/etc/apt/keyrings/tools.asc";
          };

          nixfleet.apt.sources.apt-00-tools-2 = {
            uris = [ "https://other.example.org/debian" ];
            suites = [ "trixie" ];
            components = [
              "main"
              "contrib"
            ];
            keyring = "/etc/apt/keyrings/tools.asc";
          };

          nixfleet.apt.sources.pgdg = {
            uris = [ "https://apt.example.org/pgdg" ];
            suites = [ "trixie-pgdg" ];
            components = [ "main" ];
            architectures = [ "amd64" ];
            keyring = "/usr/share/keyrings/pgdg.gpg";
          };

          nixfleet.apt.pins.backports = {
            packages = [
              "nginx*"
              "libnginx*"
            ];
            release = "n=trixie-backports,o=Debian";
            priority = 500;
          };

          nixfleet.apt.pins.backports-2 = {
            packages = [ "*" ];
            origin = "tools.example.org";
            priority = -10;
          };

          # The sources and the pins above replace these files.
          nixfleet.absent."/etc/apt/preferences.d/backports" = { };
          nixfleet.absent."/etc/apt/sources.list.d/00-tools.sources" = { };
          nixfleet.absent."/etc/apt/sources.list.d/pgdg.list" = { };
        }
    "##]]
    .assert_eq(&render(&draft));
    assert!(!format!("{draft:?}").contains("hunter2"));
}

#[test]
fn an_answer_without_apt_makes_an_empty_module() {
    let draft = AptDraft::of("web-1", "none\n");
    assert_eq!(draft, AptDraft { host: "web-1".to_owned(), ..AptDraft::default() });
    assert!(render(&draft).ends_with("{\n}\n"));
}

#[test]
fn nothing_from_a_host_becomes_code() {
    let text = "architecture amd64\ninstalled a\"b amd64 optional no\nmanual a\"b\nheld ${x}\n\
                file /etc/apt/sources.list.d/x\"; evil.list\n deb [signed-by=/k] https://x.org/ a/ \n\
                file /etc/apt/preferences.d/y\n Package: *\n Pin: release o=${x}\"\n Pin-Priority: 1\n";
    let module = render(&AptDraft::of("web-1", text));
    for line in module.lines().map(str::trim_start).filter(|line| !line.starts_with('#')) {
        assert!(!line.replace("\\${", "").contains("${"), "{line}");
    }
    assert!(!module.contains("nixfleet.absent.\"/etc/apt/sources.list.d"), "{module}");
}

#[test]
fn a_file_with_sources_of_the_distribution_is_imported_whole_or_not_at_all() {
    let notes = |lines: &str| {
        let text = format!("file /etc/apt/sources.list\n {lines}\n\n");
        AptDraft::of("web-1", &text)
    };
    let vendor = "deb [signed-by=/etc/apt/keyrings/tools.asc] https://tools.example.org/ ./";
    for (line, why) in [
        ("deb http://pkg.debian.org/debian trixie main", "a source has no keyring of its own"),
        ("deb https://token@esm.ubuntu.com/apps noble main", "an address contains a login"),
    ] {
        let draft = notes(&format!("{vendor}\n {line}"));
        assert!(draft.notes[0].text.starts_with(&format!("/etc/apt/sources.list stays as it is: {why}")));
        assert!(draft.sources.is_empty() && draft.absent.is_empty() && !render(&draft).contains("token@"));
    }
    let large = AptDraft::of("web-1", "large /etc/apt/preferences\n");
    assert_eq!(large.notes[0].text, "/etc/apt/preferences: the file has more than 100,000 bytes");
}
