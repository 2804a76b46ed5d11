import json


def nixfleet(words: str, fleet: str, code: int = 0) -> str:
    status, output = operator.execute(f"nixfleet {words} --file {fleets}/{fleet}.nix")
    assert status == code, f"nixfleet {words} ended with {status} and not {code}: {output}"
    return output


def outcome(words: str, fleet: str, code: int = 0) -> str:
    document = json.loads(nixfleet(f"{words} --yes --json", fleet, code))
    return document["hosts"][0]["outcome"]


def assert_page(text: str) -> None:
    # After an undo and a rollback, no health check has waited for the server.
    target.wait_for_open_port(8080)
    page = target.succeed("curl --fail --silent --show-error http://localhost:8080/index.html")
    assert page.strip() == text, f"the page is {page!r}"


start_all()
target.wait_for_unit("sshd.service")
target.wait_for_open_port(22)
operator.wait_for_unit("multi-user.target")

with subtest("The operator can log in to the host"):
    operator.succeed(f"install -D --mode 600 {key} /root/.ssh/id_ecdsa")
    operator.wait_until_succeeds("ssh-keyscan target > /root/.ssh/known_hosts && test -s /root/.ssh/known_hosts")
    operator.succeed("ssh deploy@target sudo -n true")

with subtest("A plan shows the change, and changes nothing"):
    plan = nixfleet("plan --exit-code", "first", code=3)
    assert "page.service" in plan, plan
    target.fail("test -e /etc/page")

with subtest("An apply makes the change, and a second apply has nothing to do"):
    outcome("apply", "first")
    assert_page("first")
    nixfleet("plan --exit-code", "first")
    assert outcome("apply", "first") == "unchanged"

with subtest("A changed file restarts its unit"):
    outcome("apply", "second")
    assert_page("second")

with subtest("A failed health check undoes the change"):
    assert outcome("apply", "unhealthy", code=2) == "rolled-back"
    assert_page("second")
    nixfleet("plan --exit-code", "second")

with subtest("A rollback returns to the previous generation"):
    outcome("rollback --to previous", "second")
    assert_page("first")

with subtest("The status names the generation in force"):
    status = json.loads(nixfleet("status --json", "second"))
    assert status["hosts"][0]["host"] == "target", status
    target.succeed("readlink /nix/var/nix/profiles/nixfleet/system")
