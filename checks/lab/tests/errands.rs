//! Tests that programs and checks of the fleet are shown before the confirmation prompt if they run on the
//! operator's machine and have never run there before.

use serde_json::json;

use crate::stage::assert_says;
use crate::stage::role::Stage;

const HEADING: &str = "This fleet makes this machine do the following for the first time:";
const RUNS: &str = "notification log: runs tee -a /home/ada/told";
const ASKS: &str = "health check door of web-1: connects to web-1, port 22";

#[test]
fn what_is_new_on_this_machine_is_shown_before_the_question() {
    let stage = Stage::fresh();
    let wanted = |text: &str| {
        let door = json!({ "tcp": { "host": "web-1", "port": 22 }, "from": "operator" });
        json!({ "files": { "/etc/a": { "text": text } }, "healthChecks": { "door": door } })
    };
    stage.declares(&wanted("1"));
    let line = "  defaults.ssh.user";
    let tells = |log: &str| {
        format!("  notifications.log = {{ kind = \"command\"; command = [ \"tee\" \"-a\" \"{log}\" ]; }};\n")
    };
    stage.edits("fleet.nix", line, &format!("{}{line}", tells("/home/ada/told")));

    let (_, document) = stage.types_for_json("nixfleet plan --json --host web-1");
    assert_eq!(document["rollout"]["newErrands"], json!([ASKS, RUNS]), "{document:#}");
    // If the prompt is declined, nothing is run, and the list is shown again the next time.
    let says_no = "echo n | script -qec 'nixfleet apply --host web-1' /dev/null";
    for command in ["nixfleet plan --host web-1", says_no, says_no] {
        let finished = stage.types(command);
        let (before, _) = finished.stdout.split_once("[y/N]").unwrap_or((&finished.stdout, ""));
        let place = |saying: &str| before.find(saying).unwrap_or_else(|| panic!("no {saying}: {finished}"));
        assert!(place(HEADING) < place(ASKS) && place(ASKS) < place(RUNS), "{finished}");
        assert_eq!(command == says_no, finished.stdout.contains("nothing was changed"), "{finished}");
    }
    assert_eq!(stage.types("cat /home/ada/told").code, 1);

    let says_yes = "echo y | script -qec 'nixfleet apply --host web-1' /dev/null";
    assert_says(&stage.types(says_yes), 0, &[HEADING, ASKS, RUNS, "1 ok"]);
    assert!(stage.types("cat /home/ada/told").stdout.contains("success"));
    // After an apply, programs and checks that have not changed are not shown again.
    stage.declares(&wanted("2"));
    let plan = stage.types("nixfleet plan --host web-1");
    assert!(!plan.stdout.contains(HEADING), "{plan}");
    stage.edits("fleet.nix", "/home/ada/told", "/home/ada/.bashrc");
    let plan = stage.types("nixfleet plan --host web-1");
    assert_says(&plan, 0, &[HEADING, "notification log: runs tee -a /home/ada/.bashrc"]);
    assert!(!plan.stdout.contains(ASKS), "{plan}");
    let (_, document) = stage.types_for_json("nixfleet apply --yes --json --host web-1");
    let shown = document["rollout"]["newErrands"].as_array().unwrap();
    assert_eq!(shown.len(), 1, "{document:#}");
    let (_, document) = stage.types_for_json("nixfleet plan --json --host web-1");
    assert!(document["rollout"]["newErrands"].is_null(), "{document:#}");
}
