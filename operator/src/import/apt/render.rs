//! Writes the module that declares the packages, holds, package sources and pins of a host.

use super::super::page::{Page, attribute, string};
use super::AptDraft;

/// The name of the subcommand, which is also the mark of comments.
const TOOL: &str = "apt";

/// Returns the text of the module.
#[must_use]
pub fn render(draft: &AptDraft) -> String {
    let mut page = Page { tool: TOOL, text: String::new() };
    for line in [
        &*crate::text::one_line(&format!(
            "The packages, sources and pins of apt on {}, as read by `nixfleet import apt`.",
            draft.host
        )),
        "A line that begins with `# apt:` tells what was not imported.",
        "Remove the packages that the fleet need not install. apt also marks packages as installed by hand that an \
         image of a cloud contains.",
    ] {
        page.comment("", line);
    }
    page.line("{");
    page.section(|page| {
        for note in &draft.notes {
            page.told("  ", &note.text);
        }
    });
    page.section(|page| page.list("  ", "nixfleet.apt.packages", &draft.packages));
    page.section(|page| page.list("  ", "nixfleet.apt.holds", &draft.holds));
    for (name, source) in &draft.sources {
        page.section(|page| {
            page.line(&format!("  nixfleet.apt.sources.{} = {{", attribute(name)));
            if source.types != ["deb"] {
                list(page, "types", &source.types);
            }
            list(page, "uris", &source.uris);
            list(page, "suites", &source.suites);
            list(page, "components", &source.components);
            list(page, "architectures", &source.architectures);
            if let Some(keyring) = &source.keyring {
                page.line(&format!("    keyring = {};", string(keyring)));
            }
            page.line("  };");
        });
    }
    for (name, pin) in &draft.pins {
        page.section(|page| {
            page.line(&format!("  nixfleet.apt.pins.{} = {{", attribute(name)));
            list(page, "packages", &pin.packages);
            page.line(&format!("    {} = {};", pin.selector, string(&pin.selected)));
            page.line(&format!("    priority = {};", pin.priority));
            page.line("  };");
        });
    }
    page.section(|page| {
        if !draft.absent.is_empty() {
            page.comment("  ", "The sources and the pins above replace these files.");
        }
        for path in &draft.absent {
            page.line(&format!("  nixfleet.absent.{} = {{ }};", string(path)));
        }
    });
    page.line("}");
    page.text
}

/// Writes a field that is a list. The order of the items stays, because apt tries addresses in this order.
fn list(page: &mut Page, name: &str, items: &[String]) {
    match items {
        [] => {}
        [item] => page.line(&format!("    {name} = [ {} ];", string(item))),
        items => {
            page.line(&format!("    {name} = ["));
            for item in items {
                page.line(&format!("      {}", string(item)));
            }
            page.line("    ];");
        }
    }
}
