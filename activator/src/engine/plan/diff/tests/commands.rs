//! Tests of plans with commands that run when files change.

use expect_test::expect;
use serde_json::Value;

use crate::engine::plan::diff::tests::{Simulated, file, target, unit};

fn with_command(mut file: Value, words: &[&str]) -> Value {
    file["onChange"] = words.into();
    file
}

fn aliases(text: &str) -> Value {
    with_command(file("/etc/aliases", text, &["mail.service"], &[]), &["/usr/sbin/newaliases"])
}

#[test]
fn a_command_runs_once_after_the_swap_and_before_units() {
    let mail = [unit("mail.service", "[Service]\nExecStart=/bin/mail\n[Install]\nWantedBy=a.target\n", true)];
    let more = |text| with_command(file("/etc/mail/more", text, &[], &[]), &["/usr/sbin/newaliases"]);
    let other = |text| with_command(file("/etc/other", text, &[], &[]), &["/bin/sh", "-c", "echo it's"]);
    let files = |text| [aliases(text), more(text), other(text)];
    let one = target("/one", &files("1"), &mail);
    let mut host = Simulated::on(&one);
    host.unit("a.target", "active");
    host.expect(&one, &expect![[""]]);
    host.expect(
        &target("/two", &files("2"), &mail),
        &expect![[r#"
        ~ /etc/aliases
        ~ /etc/mail/more
        ~ /etc/other
        ~ generation 1 → 2
        ~ run /bin/sh -c "echo it's"  /etc/other changed
        ~ run /usr/sbin/newaliases  /etc/aliases and 1 more changed
        ~ restart mail.service  /etc/aliases changed
    "#]],
    );
    // When a file is removed, its command runs once more, so that the command can remove the files that it
    // generated from the removed file.
    host.expect(
        &target("/two", &[more("1"), other("1")], &mail),
        &expect![[r#"
        - /etc/aliases
        ~ generation 1 → 2
        ~ run /usr/sbin/newaliases  /etc/aliases changed
        ~ restart mail.service  /etc/aliases changed
    "#]],
    );
    // If a file gets a new command but no new content, the command does not run.
    let calm = with_command(aliases("1"), &["/usr/bin/true"]);
    host.expect(
        &target("/two", &[calm, more("1"), other("1")], &mail),
        &expect![[r#"
        ~ generation 1 → 2
    "#]],
    );
    // If a file gets a new command and new content, only the new command runs.
    let louder = with_command(aliases("2"), &["/usr/bin/true"]);
    host.expect(
        &target("/two", &[louder, more("1"), other("1")], &mail),
        &expect![[r#"
        ~ /etc/aliases
        ~ generation 1 → 2
        ~ run /usr/bin/true  /etc/aliases changed
        ~ restart mail.service  /etc/aliases changed
    "#]],
    );
}
