//! Tests of the plan and of the objections to it.

#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;
use crate::host::apt::offers::OfferedFile;
use crate::host::apt::relations::Relations;

/// A transaction of apt that a test describes.
struct PlanCase {
    declared: Value,
    answers: Vec<AnswerChange>,
    owned: OwnedPackages,
    before: Vec<Value>,
    after: Vec<Value>,
    is_update: bool,
}

impl PlanCase {
    fn of(declared: Value) -> Self {
        let (owned, answers) = (OwnedPackages::default(), Vec::new());
        Self { declared, answers, owned, before: Vec::new(), after: Vec::new(), is_update: false }
    }

    fn plan(&self) -> AptPlan {
        let transaction = |packages: &[Value]| {
            serde_json::from_value::<AptTransaction>(json!({ "packages": packages })).unwrap()
        };
        let file = OfferedFile {
            size: 10,
            installed_size: 2048,
            sha256: "00".repeat(32),
            is_vital: false,
            relations: Relations::default(),
        };
        let files = ["nginx", "nginx-common", "libc6", "old"]
            .map(|name| ((name.to_owned(), "2.0".to_owned()), file.clone()));
        plan(&AptFacts {
            declared: &serde_json::from_value(self.declared.clone()).unwrap(),
            host: &host(),
            owned: &self.owned,
            before: &transaction(&self.before),
            after: &transaction(&self.after),
            files: &files.into(),
            answers: &self.answers,
            kernel: "6.1.0-1-amd64",
            is_update: self.is_update,
        })
        .unwrap()
    }

    fn refusals(&self) -> Vec<String> {
        self.plan().problems.into_iter().map(|problem| problem.what).collect()
    }
}

fn host() -> HostPackages {
    let package = |name: &str, is_held, is_automatic, is_vital| {
        let (status, version) = (DpkgStatus::Installed, "1.0".parse().ok());
        (name.parse().unwrap(), DpkgPackage { status, version, is_held, is_automatic, is_vital })
    };
    let mut packages: BTreeMap<PackageName, DpkgPackage> = [
        package("bash", false, false, true),
        package("exim4", false, false, false),
        package("held", true, false, false),
        package("libc6:i386", false, true, false),
        package("linux-image-6.1.0-1-amd64", false, true, false),
        package("old", false, false, false),
        package("zlib1g", false, true, false),
    ]
    .into();
    packages.insert(
        "torn".parse().unwrap(),
        DpkgPackage {
            status: DpkgStatus::Unfinished,
            version: None,
            is_held: false,
            is_automatic: false,
            is_vital: false,
        },
    );
    HostPackages { architecture: "amd64".to_owned(), packages }
}

fn package(name: &str, mode: &str) -> Value {
    let origin = json!({ "archive": "stable-security", "label": "Debian-Security", "origin": "Debian" });
    let mut versions = json!({});
    if mode != "install" {
        versions["current"] = json!({ "version": "1.0" });
    }
    if !["deinstall", "purge"].contains(&mode) {
        versions["install"] = json!({ "version": "2.0", "origins": [origin] });
    }
    let (name, architecture) = name.split_once(':').unwrap_or((name, "amd64"));
    let automatic = name == "nginx-common";
    json!({
        "name": name, "architecture": architecture, "mode": mode, "automatic": automatic,
        "versions": versions,
    })
}

#[test]
fn a_plan_names_each_package_with_its_versions_its_origin_and_its_cause() {
    let case = PlanCase {
        before: vec![package("nginx-common", "install"), package("nginx", "install")],
        ..PlanCase::of(json!({ "packages": { "nginx": { "state": "present" } } }))
    };
    let plan = case.plan();
    assert!(plan.problems.is_empty(), "{:?}", plan.problems);
    let [nginx, common] = &plan.packages[..] else { unreachable!("{:?}", plan.packages) };
    assert_eq!(
        (nginx.cause, nginx.phase, nginx.automatic),
        (PackageCause::Declared, AptPhase::Before, false)
    );
    assert_eq!((common.cause, common.automatic), (PackageCause::Needed, true));
    let offer = nginx.change.to().unwrap();
    assert_eq!((&*offer.version, offer.size, offer.release.is_security()), ("2.0", 10, true));
    assert_eq!(plan.repairs, ["torn".parse().unwrap()]);
}

#[test]
fn the_fingerprint_follows_versions_and_not_the_order_of_apt() {
    let nginx = json!({ "packages": { "nginx": { "state": "present" } } });
    let (one, other) = (package("nginx", "install"), package("nginx-common", "install"));
    let of = |before: Vec<Value>| PlanCase { before, ..PlanCase::of(nginx.clone()) }.plan().fingerprint;
    let plain = of(vec![one.clone(), other.clone()]);
    assert_eq!(plain, of(vec![other.clone(), one.clone()]));
    let mut manual = other;
    manual["automatic"] = json!(false);
    assert_ne!(plain, of(vec![one, manual]));
}

#[test]
fn a_removal_is_refused_unless_it_is_declared_or_ours() {
    let removed = |declared: Value, owned: &[&str]| {
        let installed = owned.iter().map(|name| name.parse().unwrap()).collect();
        let owned = OwnedPackages { installed, ..OwnedPackages::default() };
        PlanCase { owned, before: vec![package("exim4", "deinstall")], ..PlanCase::of(declared) }.refusals()
    };
    assert_eq!(removed(json!({}), &[]), ["apt would remove exim4"]);
    assert!(removed(json!({}), &["exim4"]).is_empty());
    assert!(removed(json!({ "packages": { "exim4": { "state": "absent" } } }), &[]).is_empty());
    assert_eq!(
        removed(json!({ "packages": { "exim4": { "state": "present" } } }), &["exim4"]),
        ["apt would remove exim4"]
    );
}

#[test]
fn what_the_host_needs_is_never_removed() {
    for name in ["bash", "sudo", "netplan.io", "linux-image-6.1.0-1-amd64"] {
        let declared = json!({ "packages": { name: { "state": "absent" } } });
        let case = PlanCase { after: vec![package(name, "deinstall")], ..PlanCase::of(declared) };
        assert_eq!(case.refusals(), [format!("apt would remove {name}")]);
    }
}

#[test]
fn a_package_that_has_to_go_first_is_removed_once() {
    let case = PlanCase {
        before: vec![package("exim4", "deinstall")],
        after: vec![package("exim4", "purge"), package("old", "purge")],
        ..PlanCase::of(
            json!({ "packages": { "exim4": { "state": "purged" }, "old": { "state": "purged" } } }),
        )
    };
    let phases: Vec<_> = case.plan().packages.iter().map(|package| package.phase).collect();
    assert_eq!(phases, [AptPhase::Before, AptPhase::After]);
}

#[test]
fn a_hold_of_somebody_else_is_respected() {
    let declared = json!({ "packages": { "held": { "state": "absent" } } });
    let mut case = PlanCase { after: vec![package("held", "deinstall")], ..PlanCase::of(declared) };
    assert_eq!(case.refusals(), ["held is held at version 1.0, but apt would change it"]);
    case.owned.held.insert("held".parse().unwrap());
    assert!(case.refusals().is_empty());
    assert_eq!(case.plan().marks, [MarkChange { package: "held".parse().unwrap(), mark: Mark::Unhold }]);
}

#[test]
fn an_older_version_must_be_declared() {
    let case = |declared| {
        PlanCase { before: vec![package("old", "downgrade")], ..PlanCase::of(declared) }.refusals()
    };
    assert_eq!(case(json!({})), ["apt would install an older version of old"]);
    assert!(case(json!({ "packages": { "old": { "state": "present", "version": "2.*" } } })).is_empty());
}

#[test]
fn a_version_that_a_pin_forbids_is_refused() {
    let mut forbidden = package("nginx", "install");
    forbidden["versions"]["install"]["pin"] = json!(-1);
    let declared = json!({ "packages": { "nginx": { "state": "present", "version": "2.0" } } });
    let case = PlanCase { before: vec![forbidden], ..PlanCase::of(declared) };
    assert_eq!(case.refusals(), ["apt would install nginx 2.0, which a pin forbids"]);
}

#[test]
fn a_declared_package_that_apt_would_not_install_is_a_problem() {
    let case = PlanCase::of(json!({ "packages": { "httpd": { "state": "present" } } }));
    assert_eq!(case.refusals(), ["apt would not install httpd"]);
}

#[test]
fn a_package_of_a_foreign_architecture_has_it_in_its_name() {
    let case = PlanCase {
        before: vec![package("libc6:i386", "upgrade")],
        ..PlanCase::of(json!({ "packages": { "libc6:i386": { "state": "present", "version": "2.0" } } }))
    };
    let plan = case.plan();
    assert_eq!(plan.packages[0].cause, PackageCause::Declared);
    assert_eq!(plan.marks, [MarkChange { package: "libc6:i386".parse().unwrap(), mark: Mark::Manual }]);
}

#[test]
fn marks_are_set_once_and_given_back() {
    let declared = json!({ "packages": { "zlib1g": { "state": "present" } }, "holds": ["old*"] });
    let mut case = PlanCase::of(declared);
    let mark = |package: &str, mark| MarkChange { package: package.parse().unwrap(), mark };
    assert_eq!(case.plan().marks, [mark("old", Mark::Hold), mark("zlib1g", Mark::Manual)]);
    case.declared = json!({});
    assert!(case.plan().marks.is_empty());
    case.owned.marked_manual.insert("exim4".parse().unwrap());
    assert_eq!(case.plan().marks, [mark("exim4", Mark::Auto)]);
}

#[test]
fn an_answer_without_a_version_is_refused() {
    let mut broken = package("nginx", "upgrade");
    broken["versions"] = json!({});
    let transaction: AptTransaction = serde_json::from_value(json!({ "packages": [broken] })).unwrap();
    let problem = plan(&AptFacts {
        declared: &DeclaredPackages::default(),
        host: &host(),
        owned: &OwnedPackages::default(),
        before: &transaction,
        after: &AptTransaction::default(),
        files: &OfferedFiles::new(),
        answers: &[],
        kernel: "",
        is_update: false,
    })
    .unwrap_err();
    assert_eq!(problem.code, Code::Packages);
}

#[test]
fn an_answer_is_part_of_the_fingerprint() {
    let mut case = PlanCase::of(json!({}));
    let answer = |from: Option<&str>, to: &str| {
        serde_json::from_value(json!({
            "package": "nginx", "question": "nginx/port", "type": "string", "from": from, "to": to,
        }))
        .unwrap()
    };
    let mut fingerprints = std::collections::BTreeSet::from([case.plan().fingerprint]);
    for answer in [answer(None, "80"), answer(Some("81"), "80"), answer(Some("81"), "82")] {
        case.answers = vec![answer];
        assert_eq!(case.plan().answers, case.answers);
        assert!(fingerprints.insert(case.plan().fingerprint));
    }
}

#[test]
fn an_update_changes_no_mark_and_removes_nothing() {
    let mut case = PlanCase::of(
        json!({ "packages": { "nginx": { "state": "present" }, "new": { "state": "present" } } }),
    );
    case.is_update = true;
    case.before = vec![package("nginx", "upgrade")];
    let plan = case.plan();
    assert_eq!(
        (plan.packages[0].cause, plan.problems.len()),
        (PackageCause::Update, 0),
        "{:?}",
        plan.problems
    );
    assert!(plan.marks.is_empty());
    case.before.push(package("old", "deinstall"));
    assert_eq!(case.refusals(), ["apt would remove old"]);
}
