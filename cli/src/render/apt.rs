//! Formats what apt would do on a host.

use nixfleet_contract::apt::plan::{
    AptPhase, AptPlan, Mark, MarkChange, Offer, PackageCause, PackageChange, PackageOperation,
};
use nixfleet_operator::text::one_line;

use super::plan::{change, come, go};
use super::size::size;

/// Returns one line for each package, mark and repair, in the order in which apt carries them out.
pub fn apt(plan: &AptPlan) -> Vec<String> {
    let repairs = plan.repairs.iter();
    let repairs =
        repairs.map(|name| change(one_line(&format!("{name}: complete an interrupted installation"))));
    let of = |phase| plan.in_phase(phase).map(package);
    let marks = plan.marks.iter().map(mark);
    let mut lines: Vec<String> = repairs.chain(of(AptPhase::Before)).chain(marks).collect();
    lines.extend(of(AptPhase::After));
    let bytes = plan.download_size();
    if bytes > 0 {
        lines.push(format!("to download: {}; nothing undoes what apt does", size(bytes)));
    }
    lines
}

fn package(package: &PackageChange) -> String {
    let PackageChange { name, change: operation, cause, phase, .. } = package;
    let offered = |to: &Offer| format!("{}{}", source(to), grown(to));
    let why = match cause {
        PackageCause::Declared => "",
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
        PackageOperation::Install { to, .. } => format!("{name} {}  {}{why}", to.version, offered(to)),
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
        let package = |name: &str, change: serde_json::Value, cause: &str, phase: &str| {
            let mut package = change;
            package["name"] = name.into();
            package["architecture"] = "amd64".into();
            package["cause"] = cause.into();
            package["phase"] = phase.into();
            package
        };
        let new = json!({ "change": "install", "to": offer("1.22", "bookworm"), "units": null });
        let newer = offer("2.36", "bookworm-security");
        let newer = json!({ "change": "upgrade", "from": "2.35", "to": newer });
        let older = json!({ "change": "downgrade", "from": "2", "to": offer("1", "") });
        let plan = json!({
            "fingerprint": "f", "repairs": ["torn"],
            "packages": [
                package("nginx", new, "declared", "before"),
                package("libc6", newer, "needed", "before"),
                package("old", older, "declared", "before"),
                package("exim4", json!({ "change": "remove", "from": "4.96" }), "declared", "before"),
                package("left", json!({ "change": "purge", "from": null }), "declared", "after"),
                package("ours", json!({ "change": "remove", "from": "1.0" }), "noLongerDeclared", "after"),
            ],
            "marks": [{ "package": "nginx", "mark": "hold" }],
        });
        let plan: AptPlan = serde_json::from_value(plan).unwrap();
        let text = apt(&plan).join("\n") + "\n";
        expect![[r#"
            ~ torn: complete an interrupted installation
            + nginx 1.22  Debian bookworm, 4.0 KiB installed
            ~ libc6 2.35 → 2.36  Debian bookworm-security, security update, 4.0 KiB installed, needed
            ~ old 2 → 1, which is older  Debian, 4.0 KiB installed
            - exim4 4.96  removed, before the change
            ~ nginx: held at its version
            - left  purged, after the change
            - ours 1.0  removed, after the change, nothing needs it any more
            to download: 6.0 KiB; nothing undoes what apt does
        "#]]
        .assert_eq(&anstream::adapter::strip_str(&text).to_string());
    }
}
