//! Formats what apt would do on a host.

use nixfleet_contract::apt::answer::AnswerChange;
use nixfleet_contract::apt::plan::{
    AptPhase, AptPlan, Mark, MarkChange, Offer, PackageCause, PackageChange, PackageOperation,
};
use nixfleet_contract::apt::running::{RunningUnit, UnitEffect};
use nixfleet_contract::apt::space::SpaceNeed;
use nixfleet_contract::values::UnitName;
use nixfleet_operator::text::one_line;

use super::plan::{change, come, go};
use super::size::size;

/// Returns one line for each repair, answer, package and mark, in the order in which apt carries them out.
/// Then follow one line for each running unit that the transaction affects, and one for each filesystem that
/// the transaction needs space on.
pub fn apt(plan: &AptPlan) -> Vec<String> {
    let repairs = plan.repairs.iter();
    let repairs =
        repairs.map(|name| change(one_line(&format!("{name}: complete an interrupted installation"))));
    let of = |phase| plan.in_phase(phase).map(package);
    let marks = plan.marks.iter().map(mark);
    let answers = plan.answers.iter().map(answer);
    let mut lines: Vec<String> = repairs.chain(answers).chain(of(AptPhase::Before)).chain(marks).collect();
    lines.extend(of(AptPhase::After));
    lines.extend(plan.running.iter().map(running));
    if plan.packages.iter().any(PackageChange::has_unknown_units) {
        lines.push("the units of new packages are known after the download".to_owned());
    }
    let bytes = plan.download_size();
    if bytes > 0 {
        lines.push(format!("to download: {}; nothing undoes what apt does", size(bytes)));
    }
    lines.extend(plan.space.iter().map(space));
    lines
}

/// Returns the line of an answer to debconf. An installed package does not use it at once.
fn answer(change_of: &AnswerChange) -> String {
    let AnswerChange { package, question, from, to, is_late, .. } = change_of;
    let from = from.as_ref().map(|from| format!("{from:?} → ")).unwrap_or_default();
    let late = if *is_late { ", used when the package is next upgraded or reconfigured" } else { "" };
    change(one_line(&format!("{package}: answer to {question}: {from}{to:?}{late}")))
}

/// Returns the line of a unit that runs while its package changes.
fn running(RunningUnit { unit, package, effect }: &RunningUnit) -> String {
    let effect = match effect {
        UnitEffect::MayRestart => "runs, and may be restarted",
        UnitEffect::Stops => "runs, and is stopped",
    };
    change(one_line(&format!("{unit} {effect}, because {package} changes")))
}

/// Returns the space that is needed on a filesystem, and the space that is free.
fn space(need: &SpaceNeed) -> String {
    let SpaceNeed { path, bytes, free_bytes, files, free_files } = need;
    let bytes = format!("{} of {} free", size(*bytes), size(*free_bytes));
    let files = free_files.map(|free| format!(", {files} of {free} inodes")).unwrap_or_default();
    one_line(&format!("needs on {path}: at most {bytes}{files}"))
}

fn package(package: &PackageChange) -> String {
    let PackageChange { name, change: operation, cause, phase, .. } = package;
    let offered = |to: &Offer| format!("{}{}", source(to), grown(to));
    let why = match cause {
        PackageCause::Declared | PackageCause::Update => "",
        PackageCause::Needed => ", needed",
        PackageCause::NoLongerDeclared => ", nothing needs it any more",
        PackageCause::Unasked => ", not declared",
    };
    let when = match (phase, operation.is_removal()) {
        (AptPhase::Before, true) => ", before the change",
        (AptPhase::After, true) => ", after the change",
        (AptPhase::Before | AptPhase::After, false) => "",
    };
    let text = match operation {
        PackageOperation::Install { to, units } => {
            format!("{name} {}  {}{why}{}", to.version, offered(to), brought(units.as_deref()))
        }
        PackageOperation::Upgrade { from, to } => {
            format!("{name} {from} → {}  {}{why}", to.version, offered(to))
        }
        PackageOperation::Downgrade { from, to } => {
            format!("{name} {from} → {}, which is older  {}{why}", to.version, offered(to))
        }
        PackageOperation::Reinstall { to } => format!("{name} {} again  {}{why}", to.version, offered(to)),
        PackageOperation::Remove { from } => format!("{name} {from}  removed{when}{why}"),
        PackageOperation::Purge { from } => {
            let from = from.as_ref().map(|from| format!(" {from}")).unwrap_or_default();
            format!("{name}{from}  purged{when}{why}")
        }
    };
    let line = one_line(&text);
    match operation {
        PackageOperation::Install { .. } => come(line),
        PackageOperation::Remove { .. } | PackageOperation::Purge { .. } => go(line),
        PackageOperation::Upgrade { .. }
        | PackageOperation::Downgrade { .. }
        | PackageOperation::Reinstall { .. } => change(line),
    }
}

/// Returns the source of a version, such as `Debian bookworm-security, security update`.
fn source(to: &Offer) -> String {
    let release = &to.release;
    let name = if release.codename.is_empty() { &release.archive } else { &release.codename };
    let words = [&release.origin, name];
    let words: Vec<&str> = words.into_iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
    let source = if words.is_empty() { "a source without a name".to_owned() } else { words.join(" ") };
    if release.is_security() { format!("{source}, security update") } else { source }
}

/// Returns the units that a new package brings.
fn brought(units: Option<&[UnitName]>) -> String {
    match units {
        None | Some([]) => String::new(),
        Some(units) => {
            format!(", brings {}", units.iter().map(|unit| &**unit).collect::<Vec<_>>().join(", "))
        }
    }
}

fn grown(to: &Offer) -> String {
    if to.installed_size == 0 { String::new() } else { format!(", {} installed", size(to.installed_size)) }
}

fn mark(MarkChange { package, mark }: &MarkChange) -> String {
    let what = match mark {
        Mark::Manual => "marked as installed on request",
        Mark::Auto => "marked as installed for another package",
        Mark::Hold => "held at its version",
        Mark::Unhold => "no longer held",
    };
    change(one_line(&format!("{package}: {what}")))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    #[test]
    fn each_package_has_its_versions_its_source_and_the_reason() {
        let offer = |version: &str, codename: &str| {
            json!({
                "version": version, "release": { "origin": "Debian", "codename": codename }, "size": 2048,
                "installedSize": 4096, "sha256": "00",
            })
        };
        let package = |name: &str, change: serde_json::Value, cause: &str| {
            let mut package = change;
            let phase = if ["left", "ours"].contains(&name) { "after" } else { "before" };
            for (field, value) in
                [("name", name), ("architecture", "amd64"), ("cause", cause), ("phase", phase)]
            {
                package[field] = value.into();
            }
            package
        };
        let (new, fixed) = (offer("1.22", "bookworm"), offer("2.36", "bookworm-security"));
        let old = offer("1", "");
        let plan = json!({
            "fingerprint": "f", "repairs": ["torn"],
            "packages": [
                package("nginx", json!({ "change": "install", "to": new, "units": null }), "declared"),
                package("ssh", json!({ "change": "install", "to": old, "units": ["a.socket"] }), "declared"),
                package("libc6", json!({ "change": "upgrade", "from": "2.35", "to": fixed }), "needed"),
                package("old", json!({ "change": "downgrade", "from": "2", "to": old }), "declared"),
                package("exim4", json!({ "change": "remove", "from": "4.96" }), "declared"),
                package("left", json!({ "change": "purge", "from": null }), "declared"),
                package("ours", json!({ "change": "remove", "from": "1.0" }), "noLongerDeclared"),
            ],
            "marks": [{ "package": "nginx", "mark": "hold" }],
            "answers": [
                { "package": "nginx", "question": "nginx/mode", "type": "select", "from": null, "to": "a b" },
                {
                    "package": "ssh", "question": "ssh/port", "type": "string", "from": "22", "to": "",
                    "isLate": true,
                },
            ],
            "running": [
                { "unit": "exim4.service", "package": "exim4", "effect": "stops" },
                { "unit": "db@1.service", "package": "libc6", "effect": "mayRestart" },
            ],
            "space": [
                { "path": "/", "bytes": 4096, "freeBytes": 65536, "files": 12, "freeFiles": 90 },
                { "path": "/var", "bytes": 6144, "freeBytes": 1024, "files": 1 },
            ],
        });
        let plan: AptPlan = serde_json::from_value(plan).unwrap();
        let text = apt(&plan).join("\n") + "\n";
        expect![[r#"
            ~ torn: complete an interrupted installation
            ~ nginx: answer to nginx/mode: "a b"
            ~ ssh: answer to ssh/port: "22" → "", used when the package is next upgraded or reconfigured
            + nginx 1.22  Debian bookworm, 4.0 KiB installed
            + ssh 1  Debian, 4.0 KiB installed, brings a.socket
            ~ libc6 2.35 → 2.36  Debian bookworm-security, security update, 4.0 KiB installed, needed
            ~ old 2 → 1, which is older  Debian, 4.0 KiB installed
            - exim4 4.96  removed, before the change
            ~ nginx: held at its version
            - left  purged, after the change
            - ours 1.0  removed, after the change, nothing needs it any more
            ~ exim4.service runs, and is stopped, because exim4 changes
            ~ db@1.service runs, and may be restarted, because libc6 changes
            the units of new packages are known after the download
            to download: 8.0 KiB; nothing undoes what apt does
            needs on /: at most 4.0 KiB of 64.0 KiB free, 12 of 90 inodes
            needs on /var: at most 6.0 KiB of 1.0 KiB free
        "#]]
        .assert_eq(&anstream::adapter::strip_str(&text).to_string());
    }
}
