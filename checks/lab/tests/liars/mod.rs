//! Tests of a malicious fleet that tries to access the operator's own files, and of hosts that send false
//! answers.

mod false_answers;
mod malicious_fleets;
mod stops;

use nixfleet_lab::lab::Lab;

/// Replaces `sudo` on web-1 with a program. The real `sudo` is moved to `/opt`.
fn becomes(lab: &Lab, sudo: &str) {
    let web = lab.guest("web-1").unwrap();
    web.ask("test -e /opt/sudo || mv /usr/bin/sudo /opt; rm -f /usr/bin/sudo").unwrap();
    web.files().unwrap().write("/usr/bin/sudo", sudo).unwrap();
    web.ask("chmod 755 /usr/bin/sudo").unwrap();
}
