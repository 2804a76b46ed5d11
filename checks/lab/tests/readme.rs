//! Tests the documentation: its instructions work if they are followed in order.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anstyle_svg::Term;

use nixfleet_lab::checkout;
use nixfleet_lab::command::Program;
use nixfleet_lab::manual::{Instruction, instructions};

use crate::stage::shared::FRESH;

/// The pages with instructions. The pages of a row are followed in turn in the same directory, because later
/// pages use the fleet of the first page.
const FOLLOWED: [&[&str]; 3] = [
    &[
        "README.md",
        "docs/how-to/health-checks.md",
        "docs/how-to/hosts-and-ssh.md",
        "docs/how-to/disk-space.md",
    ],
    &["docs/tutorial.md", "docs/how-to/history.md", "docs/how-to/diagnostics.md"],
    &["docs/how-to/rollouts.md", "docs/how-to/notifications.md"],
];

#[test]
fn the_readme_works_when_followed_to_the_letter() {
    follow(FOLLOWED[0]);
}

#[test]
fn the_tutorial_works_when_followed_to_the_letter() {
    follow(FOLLOWED[1]);
}

#[test]
fn the_page_on_rollouts_works_when_followed_to_the_letter() {
    follow(FOLLOWED[2]);
}

#[test]
fn no_page_tells_a_reader_to_type_what_nobody_has_tried() {
    for page in pages() {
        let text = read(&page);
        let told = instructions(&text);
        let in_clone = |instruction: &Instruction| matches!(instruction, Instruction::TypeInClone(_));
        let tried = FOLLOWED.iter().any(|row| row.contains(&page.as_str())) || told.iter().all(in_clone);
        assert!(tried, "no test follows {page}, which tells a reader: {told:?}");
        for instruction in told.iter().filter(|each| in_clone(each)) {
            try_in_clone(&page, instruction);
        }
        let typed = told.iter().filter(|each| matches!(each, Instruction::Type { .. })).count();
        let shown = text.lines().filter(|line| line.starts_with("$ ")).count();
        assert_eq!(typed, shown, "in {page} a line that is typed stands outside of a `console` block");
    }
}

/// The picture in the README: the output of commands that are typed on the operator's machine of the demo.
/// `UPDATE_EXPECT=1 make test ONLY=readme` records it again.
#[test]
fn the_picture_of_the_readme_shows_what_the_commands_print() {
    let lab = FRESH.turn();
    let operator = lab.operator().unwrap();
    operator.types("nixfleet apply --yes").unwrap().success().unwrap();
    operator.edits("roles/web.nix", "message = \"hello\"", "message = \"good morning\"").unwrap();
    let mut screen = String::new();
    for line in ["nixfleet plan web-1", "nixfleet apply web-1 --yes", "nixfleet status"] {
        let typed = operator.types(&format!("CLICOLOR_FORCE=1 {line} 2>&1")).unwrap().success().unwrap();
        write!(screen, "\u{1b}[1m$ {line}\u{1b}[0m\n{}\n", without_times(&typed.stdout)).unwrap();
    }
    let picture = Term::new().min_width_px(800).render_svg(screen.trim_end());
    let path = checkout::path("docs/session.svg");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &picture).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap_or_default() == picture, "docs/session.svg is out of date");
}

/// Returns the output of a command without the dates and durations, which differ each time.
fn without_times(output: &str) -> String {
    let mut text = String::new();
    for line in output.lines() {
        let words = line.split(' ').map(|word| match word.split_once('.') {
            Some((whole, tenth)) if is_number(whole) && is_number(tenth) => "0.4",
            _ if word.len() == 20 && word.ends_with('Z') && word.starts_with("20") => "2026-11-30T09:00:00Z",
            _ => word,
        });
        text += &words.collect::<Vec<_>>().join(" ");
        text.push('\n');
    }
    text
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_digit())
}

#[test]
fn every_link_of_a_page_leads_somewhere() {
    for page in pages() {
        let folder = Path::new(&page).parent().unwrap().to_owned();
        for link in read(&page).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            if path.contains("://") {
                continue;
            }
            let target =
                if path.is_empty() { page.clone() } else { folder.join(path).to_string_lossy().into() };
            let target = fs::read_to_string(checkout::path(&target));
            let target = target.unwrap_or_else(|error| panic!("{link} in {page}: {error}"));
            let known =
                heading.is_empty() || target.lines().any(|line| anchor(line).as_deref() == Some(heading));
            assert!(known, "{page} links to {link}, where no heading is called so");
        }
    }
}

/// Returns the anchor of a heading: its letters in lower case, with hyphens instead of spaces.
fn anchor(line: &str) -> Option<String> {
    let heading = line.starts_with('#').then(|| line.trim_start_matches('#').trim().to_lowercase())?;
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    Some(kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect())
}

fn pages() -> Vec<String> {
    let pages = checkout::pages().unwrap();
    assert!(pages.len() > 10, "{pages:?}");
    pages
}

fn read(page: &str) -> String {
    fs::read_to_string(checkout::path(page)).unwrap()
}

/// Follows the instructions of pages in a new directory on the operator's machine. There is no network, so
/// this checkout replaces the published repository.
fn follow(pages: &[&str]) {
    let lab = FRESH.turn();
    let operator = lab.operator().unwrap();
    operator.types("mkdir ../reader").unwrap().success().unwrap();
    let files = operator.guest().files().unwrap();
    files.write("/home/ada/reader/flake.lock", operator.offline_lock(false).unwrap()).unwrap();

    for page in pages {
        for instruction in instructions(&read(page)) {
            match &instruction {
                Instruction::Write { path, text } => {
                    let folder = format!("mkdir -p \"$(dirname '../reader/{path}')\"");
                    operator.types(&folder).unwrap().success().unwrap();
                    files.write(&format!("/home/ada/reader/{path}"), text).unwrap();
                }
                Instruction::Type { line, code } => {
                    let line = line.replace("github:nixfleet/nixfleet", "path:/srv/nixfleet");
                    let finished = operator.types(&format!("cd ../reader\n{line}")).unwrap();
                    assert_eq!(finished.code, *code, "`{line}` from {page}: {finished}");
                }
                Instruction::TypeInClone(_) => try_in_clone(page, &instruction),
            }
        }
    }
}

/// Tries an instruction that is meant for a clone of this repository, with `make --dry-run` in place of
/// `make`.
fn try_in_clone(page: &str, instruction: &Instruction) {
    let Instruction::TypeInClone(line) = instruction else { return };
    let dry = line.replacen("make ", "make --dry-run ", 1);
    assert_ne!(&dry, line, "in a clone, {page} only uses make");
    Program::new("sh").args(["-c", &dry]).dir(checkout::path("")).run().unwrap().success().unwrap();
}
