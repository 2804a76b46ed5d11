//! Tests of one NixOS host: plan, apply, failures, and rollback.

use nixfleet_lab::guest::Guest;
use nixfleet_lab::lab::Lab;

use crate::stage::nixos::{boot_default, declares, fresh, running};
use crate::{applied, apply};

const HOST: &str = "db-1";

/// A unit that writes the version of the system to a file when it starts.
fn service(version: &str) -> String {
    format!(
        "nixfleet.systemd.units.\"app.service\" = {{ enabled = true; text = ''
           [Service]
           ExecStart=/bin/sh -c 'echo {version} > /run/app; exec sleep infinity'
           [Install]
           WantedBy=multi-user.target
         ''; }};
         nixfleet.files.\"/srv/app/version\".text = \"{version}\";"
    )
}

fn db(lab: &Lab) -> &Guest {
    lab.guest(HOST).unwrap()
}

#[test]
fn smoke() {
    let lab = fresh(&[HOST]);
    let operator = lab.operator().unwrap();
    declares(&lab, HOST, &service("one"));
    for line in ["nixfleet plan", "nixfleet apply --yes", "nixfleet status", "nixfleet apply --yes"] {
        let finished = operator.types(line).unwrap();
        println!("$ {line}\n{finished}");
    }
    println!(
        "{} {} {}",
        running(db(&lab)),
        boot_default(db(&lab)),
        db(&lab)
            .ask("cat /run/app /srv/app/version; ls -l /nix/var/nix/profiles /nix/var/nix/profiles/nixfleet")
            .unwrap()
    );
    declares(&lab, HOST, &service("two"));
    for line in
        ["nixfleet plan", "nixfleet apply --yes", "nixfleet rollback --yes --host db-1", "nixfleet status"]
    {
        let finished = operator.types(line).unwrap();
        println!("$ {line}\n{finished}");
    }
    println!(
        "{} {} {}",
        running(db(&lab)),
        boot_default(db(&lab)),
        db(&lab).ask("cat /run/app /srv/app/version; journalctl -b -n 60 --no-pager").unwrap()
    );
    panic!("done");
}
