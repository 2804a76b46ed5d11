use expect_test::expect;
use nixfleet_contract::fleet::Ssh;

use super::*;
use crate::sample;

fn host(host_key: Option<&str>) -> Host {
    Host {
        ssh: Ssh { host_key: host_key.map(Into::into), ..sample::host("web-1").ssh },
        ..sample::host("web-1")
    }
}

fn told(stderr: &str) -> String {
    classify(stderr, &host(None)).map_or_else(|| "not words of ssh".to_owned(), |problem| problem.to_string())
}

#[test]
fn a_host_that_does_not_answer_is_unreachable() {
    expect![[r#"
        [NF-301] the host cannot be reached
          where: web-1 (10.0.1.11 port 22)
          why: ssh: connect to host 10.0.1.11 port 22: Connection refused
          help: test the connection: ssh deploy@10.0.1.11 true"#]]
    .assert_eq(&told("ssh: connect to host 10.0.1.11 port 22: Connection refused\r\n"));
    for line in [
        "ssh: connect to host 10.0.1.11 port 22: No route to host",
        "ssh: connect to host 10.0.1.11 port 22: Connection timed out",
        "ssh: connect to host fd00::1 port 22: Network is unreachable",
        "ssh: Could not resolve hostname web-1.example.org: Name or service not known",
        "ssh: Could not resolve hostname web-1: Temporary failure in name resolution",
        "Connection timed out during banner exchange",
        "kex_exchange_identification: read: Connection reset by peer",
        "kex_exchange_identification: Connection closed by remote host",
        "Connection closed by 10.0.1.11 port 22",
        "Connection reset by 10.0.1.11 port 22",
        "client_loop: send disconnect: Broken pipe",
        "Timeout, server 10.0.1.11 not responding.",
        "Connection to 10.0.1.11 closed by remote host.",
        "mux_client_request_session: read from master failed: Broken pipe",
        "Unable to negotiate with 10.0.1.11 port 22: no matching host key type found. Their offer: ssh-dss",
    ] {
        let problem = classify(line, &host(None)).unwrap();
        assert_eq!((problem.code, problem.why.as_deref()), (Code::Unreachable, Some(line)));
    }
}

#[test]
fn a_host_that_closes_the_connection_before_the_login_is_told_apart() {
    let closed = |line: &str| is_turned_away(&classify(line, &host(None)).unwrap());
    for line in [
        "kex_exchange_identification: read: Connection reset by peer",
        "kex_exchange_identification: Connection closed by remote host",
        "Connection closed by 10.0.1.11 port 22",
        "Connection reset by 10.0.1.11 port 22",
    ] {
        assert!(closed(line), "{line}");
    }
    for line in [
        "ssh: connect to host 10.0.1.11 port 22: Connection refused",
        "Timeout, server 10.0.1.11 not responding.",
        "deploy@10.0.1.11: Permission denied (publickey).",
    ] {
        assert!(!closed(line), "{line}");
    }
}

#[test]
fn what_a_host_says_before_it_hangs_up_is_told() {
    let told = told("Debian 13\r\n\r\nnobody comes in\r\n\r\nConnection closed by 10.0.1.11 port 22\r\n");
    assert!(
        told.contains("Connection closed by 10.0.1.11 port 22\n         the host said: nobody comes in"),
        "{told}"
    );
}

#[test]
fn a_host_that_refuses_the_key_is_told_apart() {
    expect![[r#"
        [NF-302] the host refused the SSH user or key
          where: web-1
          why: deploy@10.0.1.11: Permission denied (publickey,password).
          help: check that the key is loaded (ssh-add -l), then test the connection: ssh deploy@10.0.1.11 true"#]]
    .assert_eq(&told("Debian 13\ndeploy@10.0.1.11: Permission denied (publickey,password).\r\n"));
    let line = "Received disconnect from 10.0.1.11 port 22:2: Too many authentication failures";
    assert_eq!(classify(line, &host(None)).unwrap().code, Code::SshAuth);
}

/// The output of OpenSSH 10.0 if the host key differs from the one in `known_hosts`.
const CHANGED: &str = "\
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\r
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\r
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\r
Someone could be eavesdropping on you right now (man-in-the-middle attack)!\r
It is also possible that a host key has just been changed.\r
The fingerprint for the ED25519 key sent by the remote host is\r
SHA256:gMX1C9gs3t6/EhfU38SxHDPb0tYbtZvwVofGPPntZi8.\r
Please contact your system administrator.\r
Add correct host key in /home/ada/.ssh/known_hosts to get rid of this message.\r
Offending ED25519 key in /home/ada/.ssh/known_hosts:1\r
  remove with:\r
  ssh-keygen -f '/home/ada/.ssh/known_hosts' -R 'web-1'\r
Host key for web-1 has changed and you have requested strict checking.\r
Host key verification failed.\r
";

#[test]
fn a_changed_host_key_is_told_with_the_key_it_shows() {
    expect![[r#"
        [NF-303] the key of the host differs from the key in known_hosts
          where: web-1
          why: the host offers SHA256:gMX1C9gs3t6/EhfU38SxHDPb0tYbtZvwVofGPPntZi8
          help: only if the host was reinstalled, remove the old key: ssh-keygen -R 10.0.1.11"#]]
    .assert_eq(&told(CHANGED));
    expect![[r#"
        [NF-303] the key of the host differs from the pinned key
          where: web-1
          why: the host offers SHA256:gMX1C9gs3t6/EhfU38SxHDPb0tYbtZvwVofGPPntZi8
          help: only if the host was reinstalled, pin its new key in hosts.web-1.ssh.hostKey; to print the key: ssh-keyscan -p 22 10.0.1.11"#]].assert_eq(&classify(CHANGED, &host(Some("ssh-ed25519 AAAA"))).unwrap().to_string());
}

#[test]
fn an_unknown_host_key_is_told_with_the_way_to_pin_it() {
    expect![[r#"
        [NF-303] the host key is unknown
          where: web-1
          why: No ED25519 host key is known for 10.0.1.11 and you have requested strict checking.
          help: run ssh-keyscan -p 22 10.0.1.11, compare the key that it prints with the key on the host itself, then pin that key in hosts.web-1.ssh.hostKey"#]].assert_eq(&told(
        "No ED25519 host key is known for 10.0.1.11 and you have requested strict checking.\r\n\
         Host key verification failed.\r\n",
    ));
}

#[test]
fn words_of_the_host_are_not_words_of_ssh() {
    assert_eq!(told("cat: /etc/shadow: Permission denied"), "not words of ssh");
    assert_eq!(told(""), "not words of ssh");
}
