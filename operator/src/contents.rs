//! New file contents, read from the closure on this machine: a host that does not have the closure yet cannot
//! show them in its plan.

use std::path::Path;

use nixfleet_contract::manifest::{Entry, FileEntry, Manifest};
use nixfleet_contract::plan::Plan;
use nixfleet_contract::step::FileView;
use nixfleet_contract::step::paths::WriteFile;
use nixfleet_contract::step::{PathStep, Step};

use crate::nix::stored;
use crate::remote::HostTarget;

/// Fills in the new text of every file of which the plan does not have it. A content that is no text, or
/// cannot be read, stays out; so does one that is not what the manifest wants. So does what others on the
/// host may not read, unless it is to be shown.
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
    // Joining an absolute path gives that path.
    let bytes = stored::read(&closure.join(&*entry.source)).ok()?;
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}
