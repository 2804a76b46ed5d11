//! Tests of several bootstraps of one host.

use std::time::Duration;

use nixfleet_lab::command::wait_until;
use nixfleet_lab::lab::Lab;

use super::{BARE, LOGIN, fingerprint, types};
use crate::stage::assert_says;

/// Makes each new login of `deploy` wait. The file has a line for each waiting login.
const HOLD: &str = "printf 'if [ \"$USER\" = deploy ] && [ -e /run/hold ]; then echo held >>/run/hold;\\n\
                    while [ -e /run/hold ]; do sleep 0.1; done; fi\\n' >/etc/ssh/sshrc && : >/run/hold && \
                    chmod 0666 /run/hold";
const RECORDS: &str = "/var/lib/nixfleet/bootstrap";

/// Starts a command, whose output and exit code go to files with this name.
pub(super) fn starts(lab: &Lab, name: &str, line: &str) {
    // A shell gives its background commands no standard input.
    let line = format!("exec 3<&0; ({line} <&3 >~/{name}.said 2>&1; echo $? >~/{name}.code) &");
    types(lab, &line).success().unwrap();
}

/// Waits until a bootstrap has ended. Returns its exit code and its output.
fn ends(lab: &Lab, name: &str) -> String {
    let operator = lab.operator().unwrap();
    let ended = || Ok(operator.types(&format!("test -s ~/{name}.code"))?.ok());
    wait_until("the command ends", Duration::from_secs(60), ended).unwrap();
    operator.types(&format!("cat ~/{name}.code ~/{name}.said")).unwrap().stdout
}

#[test]
fn nobody_undoes_or_ends_the_bootstrap_of_another_operator() {
    let lab = BARE.turn();
    let web = lab.guest("web-1").unwrap();
    let adopt = format!("nixfleet host adopt web-1 --fingerprint {}", fingerprint(web, "ed25519"));
    types(&lab, &adopt).success().unwrap();
    types(&lab, "ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/other").success().unwrap();
    web.ask(HOLD).unwrap();
    let held = |count: &str| {
        let waits = || Ok(web.ask("wc -l </run/hold")? == count);
        wait_until("the host is checked", Duration::from_secs(90), waits).unwrap();
    };
    starts(&lab, "ada", &format!("USER=ada nixfleet bootstrap web-1 {LOGIN} --yes"));
    held("1");

    // Another bootstrap, with another key, has a step to do.
    let other = format!("USER=bob nixfleet bootstrap web-1 {LOGIN} --key ~/.ssh/other.pub --yes");
    assert_says(&types(&lab, &other), 2, &["blocked", "the bootstrap of ada@operator has not ended", "wait"]);

    // Later, the second bootstrap does its step, and keeps the record of the first bootstrap.
    web.ask(&format!("touch -d '-10 min' {RECORDS}/open/begun")).unwrap();
    starts(&lab, "bob", &other);
    held("2");
    assert_eq!(
        web.ask(&format!("cat {RECORDS}/1/owner {RECORDS}/open/owner")).unwrap(),
        "ada@operator\nbob@operator"
    );

    // The check of the first bootstrap fails. It undoes neither the steps of the second bootstrap nor its
    // own.
    web.ask("pkill --oldest -KILL -u deploy sshd-session").unwrap();
    let said = ends(&lab, "ada");
    assert!(said.starts_with('2') && said.contains("its steps stay"), "{said}");
    assert_eq!(web.ask("grep -c ssh-ed25519 /home/deploy/.ssh/authorized_keys").unwrap(), "2");
    web.ask("rm /run/hold").unwrap();
    let said = ends(&lab, "bob");
    assert!(said.starts_with('0') && said.contains("done: keys, record"), "{said}");
    assert_eq!(web.ask(&format!("ls {RECORDS}; cat {RECORDS}/2/begun")).unwrap(), "1\n2\nkeys");
    assert_eq!(web.ask(&format!("wc -l <{RECORDS}/1/begun")).unwrap(), "5");
}

#[test]
fn an_undo_is_only_of_the_own_steps() {
    let lab = BARE.turn();
    let web = lab.guest("web-1").unwrap();
    let adopt = format!("nixfleet host adopt web-1 --fingerprint {}", fingerprint(web, "ed25519"));
    types(&lab, &adopt).success().unwrap();
    // The connection of the command ends while the host is checked, and the host is restarted.
    web.ask(HOLD).unwrap();
    starts(&lab, "ada", &format!("USER=ada nixfleet bootstrap web-1 {LOGIN} --yes"));
    let waits = || Ok(web.ask("wc -l </run/hold")? == "1");
    wait_until("the host is checked", Duration::from_secs(90), waits).unwrap();
    types(&lab, "pkill -KILL -x nixfleet; true").success().unwrap();
    web.power_cut().unwrap();
    web.power_on().unwrap();
    web.wait_until_up(nixfleet_lab::lab::BOOT_LIMIT).unwrap();

    // A later bootstrap has a step to do, and fails its check. It undoes only this step.
    web.ask(&format!("touch -d '-10 min' {RECORDS}/open/begun")).unwrap();
    web.ask("echo 'DenyUsers deploy' >/etc/ssh/sshd_config.d/deny.conf && systemctl reload ssh").unwrap();
    types(&lab, "ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/other").success().unwrap();
    let other = format!("nixfleet bootstrap web-1 {LOGIN} --key ~/.ssh/other.pub --yes");
    assert_says(&types(&lab, &other), 2, &["rolled-back", "undone: keys"]);
    assert_eq!(web.ask("grep -c ssh-ed25519 /home/deploy/.ssh/authorized_keys").unwrap(), "1");
    assert_eq!(
        web.ask(&format!("ls {RECORDS}; cat {RECORDS}/1/begun")).unwrap(),
        "1\nsudo\nkeys\nuser\ndaemon\npackages"
    );
}
