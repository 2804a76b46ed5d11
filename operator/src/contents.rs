//! Adds the new contents of files to a plan. The contents are read from the closure in the local Nix store,
//! because a host that does not have the closure yet cannot include the contents in its plan.

use std::path::Path;

use nixfleet_contract::manifest::{Entry, FileEntry, Manifest};
use nixfleet_contract::plan::Plan;
use nixfleet_contract::step::FileView;
use nixfleet_contract::step::paths::WriteFile;
use nixfleet_contract::step::{PathStep, Step};

use crate::nix::stored;
use crate::remote::HostTarget;

/// Adds the new text of each file to the plan, where the plan lacks this text. A text is not added if the
/// content of the file cannot be read, is not text, is too large, or does not have the digest that the plan
/// expects. Unless `show_private` is set, the texts of private files are removed from the plan.
pub fn fill_in(plan: &mut Plan, target: &HostTarget, show_private: bool) {
    if !show_private {
        plan.hide_private();
    }
    if !plan.steps.iter().any(lacks_text) {
        return;
    }
    let Ok(manifest) = serde_json::from_slice::<Manifest>(&target.manifest) else { return };
    for step in &mut plan.steps {
        if let Step::Path(PathStep::WriteFile(WriteFile { path, before, after, .. })) = step
            && (show_private || !before.iter().chain([&*after]).any(FileView::is_private))
            && after.text.is_none()
            && let Some(Entry::File(entry)) = manifest.entries.get(path)
            && after.sha256.as_ref() == Some(&entry.sha256)
        {
            after.text = text(entry, Path::new(&target.closure.path));
        }
    }
}

fn lacks_text(step: &Step) -> bool {
    matches!(step, Step::Path(PathStep::WriteFile(WriteFile { after, .. })) if after.text.is_none())
}

fn text(entry: &FileEntry, closure: &Path) -> Option<String> {
    if entry.size > FileView::TEXT_LIMIT {
        return None;
    }
    // If `entry.source` is an absolute path, `join` returns it unchanged.
    let bytes = stored::read(&closure.join(&*entry.source)).ok()?;
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}
