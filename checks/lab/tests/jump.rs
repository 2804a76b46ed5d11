//! A host whose address only `ssh` understands: an alias of the user's configuration, behind another host.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stage;

use nixfleet_lab::lab::{Lab, Plan};
use stage::{generation, outcomes, outcomes_of};

const CONFIG: &str = "Host inner\n  HostName web-2\n  ProxyJump deploy@web-1\n";

#[test]
fn a_check_from_here_goes_where_ssh_goes_or_is_refused_before_the_change() {
    let lab = Lab::boot(&Plan::of_test().without("db-1")).unwrap();
    let (web, operator) = (lab.guest("web-2").unwrap(), lab.operator().unwrap());
    let files = operator.guest().files().unwrap();
    files.write("/home/ada/.ssh/config", CONFIG).unwrap();
    operator.edits("fleet.nix", "addr = \"web-2\";", "addr = \"inner\";").unwrap();
    let before = "  nixfleet.systemd.units.\"web.service\".sections = {";
    let checks = r#"  nixfleet.healthChecks = {
    door = { tcp.port = 22; from = "operator"; };
    page = { http.url = "http://inner:8080/"; from = "operator"; };
  };"#;
    operator.edits("roles/web.nix", before, &format!("{checks}\n{before}")).unwrap();

    let apply = || operator.types_for_json("nixfleet apply --yes --json --host web-2").unwrap();
    let (finished, document) = apply();
    assert_eq!(outcomes(&document), outcomes_of([("web-2", "ok")]), "{finished}");
    operator.types("nixfleet check --host web-2").unwrap().success().unwrap();

    // From here on it answers nobody but the host in between.
    web.ask(&format!("ip route add blackhole {}/32", operator.guest().addr())).unwrap();
    operator.edits("roles/web.nix", "message = \"hello\";", "message = \"hello again\";").unwrap();
    let (finished, document) = apply();
    assert_eq!(outcomes(&document), outcomes_of([("web-2", "blocked")]), "{finished}");
    let problem = &document["hosts"][0]["problem"];
    assert_eq!(problem["code"], "NF-418", "{finished}");
    for saying in ["deploy@web-1", "healthChecks.door.from = \\\"host\\\"", "tcp.host"] {
        assert!(problem.to_string().contains(saying), "nothing says `{saying}`: {problem:#}");
    }
    assert_eq!(generation(web), 1);

    // The host can try them itself.
    let edit = "sed -i 's/ from = \"operator\";//; s/inner:8080/localhost:8080/' roles/web.nix";
    operator.types(edit).unwrap().success().unwrap();
    let (finished, document) = apply();
    assert_eq!(outcomes(&document), outcomes_of([("web-2", "ok")]), "{finished}");
}
