//! Leaves excluded paths out of the plan. The option `--force PATH` excludes a path, so that the path stays
//! unchanged and a problem with it does not block the other paths.

use nixfleet_contract::manifest::Manifest;
use nixfleet_contract::plan::Warning;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::ManagedPath;

use crate::engine::family::paths::diff::PathSteps;
use crate::engine::plan::diff::Differ;

/// If another user can cause this kind of problem at a path, adds a hint about `--force` to the help of the
/// problem.
pub(in crate::engine) fn suggest_force(problem: &mut Problem) {
    let Problem { code: Code::UnsafePath | Code::HostFile, location: Some(path), help, .. } = problem else {
        return;
    };
    if help.as_ref().is_none_or(|help| !help.contains("--force")) {
        let instead = help.take().map(|help| format!("{help}; or ")).unwrap_or_default();
        *help = Some(format!("{instead}skip this path and apply everything else with --force {path}"));
    }
}

/// Calls [`suggest_force`] if the problem is about a declared path or its ancestor. Other problems are about
/// NixFleet's own files, which cannot be excluded.
pub(in crate::engine) fn suggest_force_if_declared(problem: &mut Problem, manifest: &Manifest) {
    let is_at = |location: &str, path: &ManagedPath| {
        **path == *location || path.ancestors().any(|above| *above == *location)
    };
    let location = problem.location.as_deref();
    if location.is_some_and(|location| manifest.entries.keys().any(|path| is_at(location, path))) {
        suggest_force(problem);
    }
}

impl Differ<'_> {
    /// Whether a path or one of its ancestors is excluded.
    pub(in crate::engine) fn is_excluded(&self, path: &ManagedPath) -> bool {
        let is = |path: &ManagedPath| self.exclude.contains(path);
        !self.exclude.is_empty() && (is(path) || path.ancestors().any(|above| is(&above)))
    }

    /// Whether a directory must stay because it contains a managed path that is excluded.
    pub(in crate::engine) fn is_above_excluded(&self, directory: &ManagedPath) -> bool {
        let is_below = |path: &ManagedPath| path.ancestors().any(|above| above == *directory);
        self.exclude.iter().any(|path| is_below(path) && self.state.paths.contains_key(path))
    }

    /// Plans an excluded path without keeping the steps. If the path does not match the manifest, records the
    /// path as excluded, together with the problem that `plan` reported, if any.
    pub(in crate::engine) fn exclude(
        &mut self,
        path: &ManagedPath,
        plan: impl FnOnce(&mut Self, &mut PathSteps),
    ) {
        let (problems, drift, warnings) = (self.problems.len(), self.drift.len(), self.warnings.len());
        let (changed, new_directories, reload) =
            (self.changed.clone(), self.new_directories.clone(), self.reload_daemon);
        let mut steps = PathSteps::default();
        plan(self, &mut steps);
        (self.changed, self.new_directories, self.reload_daemon) = (changed, new_directories, reload);
        self.drift.truncate(drift);
        self.warnings.truncate(warnings);
        let why = self.problems.drain(problems..).next();
        let is_as_declared = why.is_none() && steps.in_order().next().is_none();
        if is_as_declared {
            return;
        }
        let what = why.map_or_else(
            || "it differs from its declaration".to_owned(),
            |problem| {
                let because = problem.why.map(|why| format!(": {why}")).unwrap_or_default();
                format!("{}{because}", problem.what)
            },
        );
        self.excluded.push(Warning { subject: path.to_string(), what });
    }
}
