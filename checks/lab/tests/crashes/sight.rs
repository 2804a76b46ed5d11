//! Tests that the comparison of surveys detects every difference. The other crash tests rely on that
//! comparison.

use super::field::{End, Field, prepared};

/// Small differences that an undone change could leave behind.
const LEFT: [&str; 16] = [
    "chmod 0640 /etc/walk/reloaded.conf",
    "chown keeper /srv/walk/access",
    "touch /etc/walk/changed.conf",
    "echo more >> /etc/walk/edited.conf",
    "rm /etc/systemd/system/multi-user.target.wants/removed.service",
    "ln -sfn system-7-link /nix/var/nix/profiles/nixfleet/system",
    "ln -s /nix/store /nix/var/nix/gcroots/left",
    "mkdir /srv/walk/left",
    r#"python3 -c 'import os; os.setxattr("/etc/motd", "user.note", b"other")'"#,
    "usermod --shell /bin/sh keeper",
    "useradd --system left",
    "groupadd left",
    "systemctl stop removed.service",
    "systemctl start door.service && systemctl stop door.socket door.service",
    "echo new > /run/walk/in-force",
    "sed -i s/100001/100002/ /etc/systemd/system/changed.service && systemctl daemon-reload && \
     systemctl restart changed.service && sed -i s/100002/100001/ /etc/systemd/system/changed.service && \
     touch --reference=/var/tmp/old/etc/systemd/system/changed.service /etc/systemd/system/changed.service && \
     systemctl daemon-reload",
];

#[test]
fn whatever_is_left_behind_is_seen() {
    let lab = prepared();
    let mut field = Field::of(&lab);
    assert_eq!(field.judge().map(|(end, _)| end), Ok(End::Old));
    for left in LEFT {
        field.guest.ask(left).unwrap();
        assert!(field.judge().is_err(), "nobody sees `{left}`");
        field.set_back();
    }
    let run = field.survey().runs["steady.service"].clone();
    field.guest.ask("systemctl restart steady.service").unwrap();
    assert_ne!(field.survey().runs["steady.service"], run, "a restart is seen, too");
}
