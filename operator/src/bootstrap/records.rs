//! The records that bootstraps have left on a host: the objects that they have created there.

use nixfleet_contract::forget::Remnant;
use nixfleet_contract::problem::{Code, Problem};
use serde::{Deserialize, Serialize};

use super::step::Step;
use super::unfinished::Unfinished;

/// The most lines that are read.
const MOST: usize = 2000;

/// Objects that bootstraps created on a host and that still exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootstrapRecords {
    /// Whether the host has records of NixFleet, apart from those of bootstraps.
    pub is_managed: bool,
    /// The steps, and what each has made.
    pub steps: Vec<(Step, String)>,
    /// The roots for garbage collection that are not those of NixFleet.
    pub roots: Vec<String>,
    /// The open change of a bootstrap. `steps` includes its steps.
    pub unfinished: Option<Unfinished>,
}

/// The work of bootstraps to undo when a host is forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Undoing {
    /// Nix: its packages, its daemon, its store.
    pub nix: bool,
    /// The way in: the SSH user, its keys and its sudo rule.
    pub access: bool,
}

impl BootstrapRecords {
    /// Parses the lines that the host prints. Lines that nobody knows are ignored.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut made = Self::default();
        for line in text.lines().take(MOST) {
            let (name, value) = line.split_once(' ').unwrap_or((line, ""));
            match name {
                "managed" => made.is_managed = true,
                "earlier" => made.unfinished = Unfinished::parse(value),
                "used" => made.roots.push(value.to_owned()),
                "made" => {
                    let (step, what) = value.split_once(' ').unwrap_or((value, "-"));
                    made.steps.extend(Step::named(step).map(|step| (step, what.trim().to_owned())));
                }
                _ => {}
            }
        }
        made
    }

    /// Returns the steps to undo, in this order: the installer of Nix removes its directories before they are
    /// removed with packages, the way in comes last, and the user after its keys.
    #[must_use]
    pub fn undone(&self, undoing: Undoing) -> Vec<Step> {
        let is_undone = |step: Step| match step {
            Step::Packages | Step::Installer | Step::Daemon => undoing.nix,
            Step::User | Step::Keys | Step::Sudo => undoing.access,
            // Others have recorded the host key.
            Step::Platform | Step::Space | Step::HostKey | Step::Record => false,
        };
        let order = [Step::Daemon, Step::Installer, Step::Packages, Step::Sudo, Step::Keys, Step::User];
        order.into_iter().filter(|step| is_undone(*step) && self.has(*step)).collect()
    }

    /// Returns what goes, in words.
    #[must_use]
    pub fn removed(&self, undoing: Undoing) -> Vec<String> {
        let undone = self.undone(undoing);
        self.steps
            .iter()
            .filter(|(step, _)| undone.contains(step))
            .map(|(step, what)| told(*step, what))
            .collect()
    }

    /// Returns what stays, and why.
    #[must_use]
    pub fn remnants(&self, undoing: Undoing) -> Vec<Remnant> {
        let undone = self.undone(undoing);
        let stays = self.steps.iter().filter(|(step, _)| !undone.contains(step));
        let mut remnants: Vec<Remnant> = stays
            .map(|(step, what)| {
                let why = match step {
                    Step::Packages | Step::Installer | Step::Daemon => {
                        "a bootstrap made it; --clean --with-nix removes it"
                    }
                    Step::User | Step::Keys | Step::Sudo => {
                        "a bootstrap made it; --clean --with-access removes it"
                    }
                    Step::HostKey => "a bootstrap made it; others have recorded it, so it always stays",
                    Step::Platform | Step::Space | Step::Record => "",
                };
                Remnant { subject: told(*step, what), why: why.to_owned() }
            })
            .collect();
        let has_nix = [Step::Packages, Step::Installer].into_iter().any(|step| self.has(step));
        if undoing.nix && !has_nix {
            let why = "no bootstrap has a record that it installed it".to_owned();
            remnants.push(Remnant { subject: "Nix".to_owned(), why });
        }
        remnants
    }

    /// Returns the reason why the steps cannot be undone, if there is one. `login` is the user with whom the
    /// command logs in.
    #[must_use]
    pub fn refusal(&self, host: &str, undoing: Undoing, login: &str) -> Option<Problem> {
        let undone = self.undone(undoing);
        let problem = |what: &str| Problem::new(Code::Forget, what).at(host);
        if let Some(unfinished) = &self.unfinished
            && let Some(remaining) = unfinished.remaining().filter(|_| !undone.is_empty())
        {
            let why = format!("it is the bootstrap of {}", unfinished.owner);
            let problem = Problem::new(Code::Locked, "a bootstrap of the host has not ended").at(host);
            return Some(problem.because(why).help(unfinished.help(remaining)));
        }
        let is_own = |(step, what): &&(Step, String)| {
            matches!(step, Step::User | Step::Keys) && what.split(' ').next() == Some(login)
        };
        if undoing.access && self.steps.iter().find(is_own).is_some_and(|(step, _)| undone.contains(step)) {
            return Some(
                problem("--with-access would remove the user with whom the command logs in")
                    .because(format!("the user is {login}, and no other way in is known"))
                    .help("log in as another user who may become root: --login root, or --login USER --ask-password"),
            );
        }
        let roots: Vec<&str> = self.roots.iter().map(String::as_str).take(5).collect();
        let is_nix_undone = undone.iter().any(|step| matches!(step, Step::Packages | Step::Installer));
        if is_nix_undone && !roots.is_empty() {
            return Some(
                problem("--with-nix would remove a Nix that others use")
                    .because(format!(
                        "these roots for garbage collection are not of NixFleet: {}",
                        roots.join(", ")
                    ))
                    .help("remove them on the host, or omit --with-nix"),
            );
        }
        let is_lost = |(step, what): &(Step, String)| *step == Step::Installer && what == "-";
        if is_nix_undone && self.steps.iter().any(is_lost) {
            return Some(
                problem("the installer of Nix has left no program that removes it")
                    .help("remove Nix as its installer describes, and omit --with-nix"),
            );
        }
        None
    }

    fn has(&self, step: Step) -> bool {
        self.steps.iter().any(|(made, _)| *made == step)
    }
}

/// Describes what a step has made.
fn told(step: Step, what: &str) -> String {
    let (first, rest) = what.split_once(' ').unwrap_or((what, ""));
    match step {
        Step::Packages => format!("packages {what}, and the store of Nix"),
        Step::Installer => "Nix of an installer".to_owned(),
        Step::Daemon => "the daemon of Nix".to_owned(),
        Step::User if what == "-" => "the SSH user, which is gone".to_owned(),
        Step::User => format!("user {first} and its home {rest}"),
        Step::Keys => format!("{rest} keys of {first}"),
        Step::Sudo => format!("sudo rule {what}"),
        Step::HostKey => format!("host key {what}"),
        Step::Platform | Step::Space | Step::Record => step.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "managed yes\nmade host-key /etc/ssh/ssh_host_ed25519_key.pub\nmade sudo /etc/sudoers.d/nixfleet-deploy\n\
                        made keys deploy 1\nmade user deploy /home/deploy\nmade daemon -\n\
                        made packages nix-bin nix-setup-systemd\nmade nonsense x\nend\n";

    fn undoing(nix: bool, access: bool) -> Undoing {
        Undoing { nix, access }
    }

    #[test]
    fn only_the_requested_work_of_a_bootstrap_is_undone() {
        let made = BootstrapRecords::parse(SAID);
        assert!(made.is_managed);
        assert_eq!(made.undone(undoing(false, false)), []);
        assert_eq!(made.undone(undoing(true, false)), [Step::Daemon, Step::Packages]);
        assert_eq!(
            made.removed(undoing(false, true)),
            [
                "sudo rule /etc/sudoers.d/nixfleet-deploy",
                "1 keys of deploy",
                "user deploy and its home /home/deploy"
            ]
        );
        let all = made.undone(undoing(true, true));
        assert_eq!(all.last(), Some(&Step::User));
        // The host key stays in any case.
        let stays = made.remnants(undoing(true, true));
        assert_eq!(stays.len(), 1);
        assert!(stays[0].why.contains("always stays"), "{stays:?}");
        assert_eq!(made.remnants(undoing(false, false)).len(), 6);
    }

    #[test]
    fn the_way_in_and_the_nix_of_others_are_never_removed() {
        let made = BootstrapRecords::parse(SAID);
        let refusal = |made: &BootstrapRecords, undoing, login| {
            made.refusal("web-1", undoing, login).map(|problem| problem.what)
        };
        assert!(
            refusal(&made, undoing(false, true), "deploy").is_some_and(|what| what.contains("--with-access"))
        );
        assert_eq!(refusal(&made, undoing(true, true), "root"), None);
        assert_eq!(refusal(&made, undoing(true, false), "deploy"), None);
        let used = BootstrapRecords::parse(&format!(
            "{SAID}used /nix/var/nix/profiles/per-user/ada/profile-1-link\n"
        ));
        assert!(refusal(&used, undoing(true, false), "root").is_some_and(|what| what.contains("--with-nix")));
        assert_eq!(refusal(&used, undoing(false, true), "root"), None);
        let open = BootstrapRecords::parse(&format!("{SAID}earlier 0f 12 ada@laptop\n"));
        assert!(refusal(&open, undoing(true, false), "root").is_some_and(|what| what.contains("not ended")));
        assert_eq!(refusal(&open, undoing(false, false), "root"), None);
        // A Nix without a record stays, and prevents nothing.
        let foreign = BootstrapRecords::parse("used /nix/var/nix/profiles/default-1-link\nend\n");
        assert_eq!(refusal(&foreign, undoing(true, false), "root"), None);
        assert_eq!(foreign.remnants(undoing(true, false))[0].subject, "Nix");
    }
}
