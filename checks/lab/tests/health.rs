//! Tests of health checks on real hosts: the results of the checks decide whether a change is kept.

use nixfleet_lab::guest::Guest;

use crate::stage::checked::{apply, checks, converged, found, web};
use crate::stage::{applies, assert_says, generation, outcomes, outcomes_of};

/// A web server with a self-signed certificate. It serves a page of two MiB that ends with "goodbye".
const TLS_SERVER: &str = "\
import http.server, ssl
server = http.server.ThreadingHTTPServer(('', 8443), http.server.SimpleHTTPRequestHandler)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain('cert', 'key')
server.socket = tls.wrap_socket(server.socket, server_side=True)
server.serve_forever()
";

fn serves_over_tls(host: &Guest) {
    host.files().unwrap().write("/srv/tls.py", TLS_SERVER).unwrap();
    let script = "mkdir /srv/tls && cd /srv/tls && \
        openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -days 9 -subj /CN=localhost 2>/dev/null && \
        { echo hello; head -c 2097152 /dev/zero | tr '\\0' x; echo goodbye; } > large && \
        systemd-run --quiet --unit=tls --working-directory=/srv/tls /usr/bin/python3 /srv/tls.py";
    host.ask(script).unwrap();
}

#[test]
fn every_kind_of_check_passes_and_fails_for_what_it_says() {
    let lab = converged();
    serves_over_tls(web(&lab));
    // The fleet has scripts beside its modules. An apply copies a script to the host together with the unit
    // or check that refers to the script.
    let operator = lab.operator().unwrap();
    let scripts = "printf '#!/bin/sh\ntouch /run/web/prepared\n' > roles/prepare.sh && \
        printf '#!/bin/sh\ntest -e \"$1\"\n' > roles/ready.sh && chmod +x roles/*.sh";
    operator.types(scripts).unwrap().success().unwrap();
    let prepares = "Restart = \"on-failure\"; RuntimeDirectory = \"web\"; ExecStartPre = [ ./prepare.sh ];";
    operator.edits("roles/web.nix", "Restart = \"on-failure\";", prepares).unwrap();
    // First, checks of every kind pass after one change.
    checks(
        &lab,
        r#"
    unit.unit = "web.service";
    page.http = { url = "http://localhost:8080/"; status = 200; bodyContains = "hello"; bodyMatches = "^hello from web-[0-9]"; };
    host.http = { url = "http://web-1:8080/"; };
    head.http = { url = "http://127.0.0.1:8080/"; method = "HEAD"; responseHeaders.Content-Type = "text/html"; };
    tls.http = {
      url = "https://localhost:8443/large"; verifyCertificate = false; bodyContains = "hello";
      responseHeaders.Content-Type = "octet-stream";
    };
    port.tcp.port = 22;
    command.command = [ "${pkgs.busybox}/bin/busybox" "test" "-e" "/etc/web/httpd.conf" ];
    script.command = [ ./ready.sh "/run/web/prepared" ];
    outside = { http.url = "http://${host.addr}:8080/"; from = "operator"; };
    door = { tcp.port = 22; from = "operator"; };"#,
    );
    let (finished, host) = apply(&lab, "");
    assert!(finished.ok(), "{finished}");
    assert_eq!(found(&host).len(), 10, "{host:#}");
    assert!(found(&host).iter().all(|(_, passed, ..)| *passed), "{host:#}");
    let before = generation(web(&lab));

    // Then every check fails. ending.service ends two seconds after its start. flapping.service does too, but
    // is restarted each time.
    checks(
        &lab,
        r#"
    ending = { unit = "ending.service"; stableFor = "4s"; retries = 0; onFailure = "stop"; };
    flapping = { unit = "flapping.service"; stableFor = "4s"; retries = 1; onFailure = "stop"; };
    absent = { unit = "absent.service"; retries = 0; onFailure = "stop"; };
    status = { http = { url = "http://localhost:8080/"; status = 204; }; retries = 0; onFailure = "stop"; };
    missing = { http = { url = "http://localhost:8080/missing"; }; retries = 0; onFailure = "stop"; };
    body = { http = { url = "http://localhost:8080/"; bodyContains = "goodbye"; }; retries = 0; onFailure = "stop"; };
    header = { http = { url = "http://localhost:8080/"; responseHeaders.X-Up = "yes"; }; retries = 0; onFailure = "stop"; };
    unknown = { http = { url = "https://localhost:8443/large"; }; retries = 0; onFailure = "stop"; };
    beyond = { http = { url = "https://localhost:8443/large"; verifyCertificate = false; bodyContains = "goodbye"; }; retries = 0; onFailure = "stop"; };
    closed = { tcp.port = 81; retries = 2; onFailure = "stop"; };
    name = { tcp = { host = "nowhere.invalid"; port = 80; }; retries = 0; onFailure = "stop"; };
    code = { command = [ "/bin/sh" "-c" "echo no room >&2; exit 7" ]; retries = 0; startDelay = "1s"; onFailure = "stop"; };
    slow = { command = [ "/bin/sleep" "60" ]; timeout = "1s"; retries = 0; onFailure = "stop"; };
  };
  nixfleet.systemd.units."ending.service".sections = {
    Service.ExecStart = "/bin/sh -c 'sleep 2; exit 1'";
    Install.WantedBy = "multi-user.target";
  };
  nixfleet.systemd.units."flapping.service".sections = {
    Service = { ExecStart = "/bin/sh -c 'sleep 2; exit 1'"; Restart = "always"; RestartSec = "10ms"; };
    Unit.StartLimitIntervalSec = 0;
    Install.WantedBy = "multi-user.target";"#,
    );
    let (finished, host) = apply(&lab, "--no-confirm");
    assert_eq!(finished.code, 2, "{finished}");
    assert_eq!(host["outcome"], "failed", "{host:#}");
    assert_eq!(host["problem"]["code"], "NF-418");
    assert_eq!(generation(web(&lab)), before + 1, "it only stops");
    let results = found(&host);
    for (name, attempts, saying) in [
        ("absent", 1, "no such unit"),
        ("beyond", 1, "does not contain `goodbye`, but begins: hello"),
        ("body", 1, "does not contain `goodbye`, but begins: hello from web-1"),
        ("closed", 3, "Connection refused"),
        ("code", 1, "exit code 7: no room"),
        ("ending", 1, "it is failed"),
        ("flapping", 2, "it "),
        ("header", 1, "there is no header x-up"),
        ("missing", 1, "status 404"),
        ("name", 1, "cannot be resolved"),
        ("slow", 1, "it did not end within 1 s"),
        ("status", 1, "status 200, not 204"),
        ("unknown", 1, "self-signed certificate"),
    ] {
        let result = results.iter().find(|result| result.0 == name).unwrap_or_else(|| panic!("no {name}"));
        assert!(!result.1 && result.2 == attempts && result.3.contains(saying), "{result:?}");
    }
    let delayed =
        host["healthChecks"].as_array().unwrap().iter().find(|result| result["name"] == "code").unwrap();
    assert!(delayed["durationMs"].as_u64().unwrap() >= 1000, "{delayed}");
}

#[test]
fn what_a_failure_means_is_up_to_the_check_and_to_force() {
    let lab = converged();
    let operator = lab.operator().unwrap();
    let failing = |on_failure: &str| {
        format!(
            "page = {{ http = {{ url = \"http://localhost:8080/\"; bodyContains = \"good morning\"; }}; retries = 1; onFailure = \"{on_failure}\"; }};"
        )
    };
    let first = generation(web(&lab));

    checks(&lab, &failing("rollback"));
    let (finished, host) = apply(&lab, "");
    assert_eq!((finished.code, &host["outcome"]), (2, &"rolled-back".into()), "{host:#}");
    assert_says(&finished, 2, &["NF-418", "does not contain `good morning`"]);
    assert_eq!(generation(web(&lab)), first);

    // A host that keeps its change after a failed check is rolled back with its rollout. The number of the
    // generation is not used again.
    checks(&lab, &failing("stop"));
    let (finished, host) = apply(&lab, "--on-failure rollback-all");
    assert_eq!((finished.code, &host["outcome"]), (2, &"rolled-back".into()), "{host:#}");
    assert_eq!(generation(web(&lab)), first);

    checks(&lab, &failing("continue"));
    let (finished, host) = apply(&lab, "");
    assert_eq!((finished.code, &host["outcome"]), (2, &"partial".into()), "{host:#}");
    assert_eq!(generation(web(&lab)), first + 2);

    // An apply that has nothing to change still reports failed checks, and still needs only one SSH command.
    checks(&lab, &failing("rollback"));
    let (_, host) = apply(&lab, "--force health-checks");
    assert_eq!(host["outcome"], "failed", "{host:#}");
    assert_eq!(generation(web(&lab)), first + 3);
    let sessions = web(&lab).ssh_sessions().unwrap();
    let (finished, host) = apply(&lab, "");
    assert_eq!((finished.code, &host["outcome"]), (2, &"failed".into()), "{host:#}");
    assert_says(&finished, 2, &["NF-418", "health check page failed"]);
    assert_eq!(web(&lab).ssh_sessions().unwrap(), sessions + 1);
    let (_, history) = operator.types_for_json("nixfleet history --limit 1 --json").unwrap();
    let told = &history["entries"][0]["hosts"][0];
    assert_eq!(
        (&told["outcome"], &told["problem"]["code"]),
        (&"failed".into(), &"NF-418".into()),
        "{history:#}"
    );
    assert_eq!(generation(web(&lab)), first + 3);

    // `nixfleet check` reports the same failure, as a table and as JSON. `nixfleet status` shows the last
    // results of checks.
    let table = operator.types("nixfleet check --host web-1").unwrap();
    assert_says(&table, 2, &["web-1", "page", "http", "host", "failed", "does not contain `good morning`"]);
    let (finished, document) = operator.types_for_json("nixfleet check --json --host web-1").unwrap();
    assert_eq!(finished.code, 2);
    assert_eq!(outcomes(&document), outcomes_of([("web-1", "failed")]));
    assert!(!found(&document["hosts"][0])[0].1);
    assert_says(
        &operator.types("nixfleet status --host web-1").unwrap(),
        0,
        &["unhealthy", "health check page: failed"],
    );

    // After the page is corrected, the check passes.
    operator.edits("roles/web.nix", "message = \"hello\"", "message = \"good morning\"").unwrap();
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
    assert_says(&operator.types("nixfleet check --host web-1").unwrap(), 0, &["page", "passed"]);
    assert_says(
        &operator.types("nixfleet status --host web-1 -v").unwrap(),
        0,
        &["managed", "health check page: passed"],
    );
    assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "unchanged")]));
}

#[test]
fn a_check_from_the_operators_side_takes_the_host_back_too() {
    let lab = converged();
    let operator = lab.operator().unwrap();
    let first = generation(web(&lab));
    checks(&lab, "outside = { tcp = { host = \"web-1\"; port = 81; }; from = \"operator\"; retries = 1; };");

    // The host waits for the results of the checks that run on the operator's machine.
    let (finished, host) = apply(&lab, "");
    assert_eq!((finished.code, &host["outcome"]), (2, &"rolled-back".into()), "{host:#}");
    assert_says(&finished, 2, &["NF-418", "Connection refused"]);
    assert_eq!(found(&host)[0].2, 2);
    assert_eq!(generation(web(&lab)), first);

    // Without a confirmation, the host has committed the change already, so the command rolls the host back
    // to the previous generation.
    let (finished, host) = apply(&lab, "--no-confirm");
    assert_eq!((finished.code, &host["outcome"]), (2, &"rolled-back".into()), "{host:#}");
    assert_eq!(host["problem"]["code"], "NF-418");
    assert_eq!(generation(web(&lab)), first);

    // The host is rolled back even if another failed check, which ran on the host, would only have stopped
    // the rollout.
    checks(
        &lab,
        "inside = { tcp.port = 81; retries = 0; onFailure = \"stop\"; };
         outside = { tcp.port = 81; from = \"operator\"; retries = 0; };",
    );
    let (finished, host) = apply(&lab, "--no-confirm");
    assert_eq!((finished.code, &host["outcome"]), (2, &"rolled-back".into()), "{host:#}");
    assert_eq!((found(&host).len(), generation(web(&lab))), (2, first), "{host:#}");

    checks(
        &lab,
        "outside = { command = [ \"/usr/bin/test\" \"-e\" \"/home/ada/fleet/up\" ]; from = \"operator\"; retries = 0; };",
    );
    operator.types("touch up").unwrap().success().unwrap();
    let (finished, host) = apply(&lab, "");
    assert_eq!(host["outcome"], "ok", "{finished}");
    operator.types("rm up").unwrap().success().unwrap();
    let (finished, host) = apply(&lab, "");
    assert_eq!((finished.code, &host["outcome"]), (2, &"failed".into()), "{host:#}");
    assert_says(
        &operator.types("nixfleet check --host web-1").unwrap(),
        2,
        &["outside", "operator", "failed"],
    );

    // If the operator's machine does not have the closure, the command does not know the closure's health
    // checks, and reports the host as failed.
    let number = generation(web(&lab));
    let old = web(&lab).ask("readlink -f /nix/var/nix/profiles/nixfleet/system").unwrap();
    checks(&lab, "");
    for flags in ["", "--no-confirm"] {
        assert_eq!(applies(&lab, "--host web-1"), outcomes_of([("web-1", "ok")]));
        operator.types(&format!("nix-store --delete {old}")).unwrap();
        let line = format!("nixfleet rollback --yes --json --host web-1 --to {number} {flags}");
        let (finished, document) = operator.types_for_json(&line).unwrap();
        assert_eq!(finished.code, 2, "{finished}");
        assert_eq!(outcomes(&document), outcomes_of([("web-1", "failed")]), "{finished}");
        assert_says(&finished, 2, &["NF-418", "outside", "not in the Nix store of"]);
        assert_eq!(web(&lab).ask("readlink -f /nix/var/nix/profiles/nixfleet/system").unwrap(), old);
    }
}
