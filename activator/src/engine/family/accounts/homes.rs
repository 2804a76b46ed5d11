//! Plans the home directories of users.

use std::collections::BTreeMap;

use nixfleet_contract::manifest::{Access, User};
use nixfleet_contract::plan::Warning;
use nixfleet_contract::problem::{Code, Problem};
use nixfleet_contract::values::{ManagedPath, Mode, Owner};

use crate::engine::family::accounts::diff::quoted;
use crate::engine::family::accounts::target_account::AccountInputs;
use crate::engine::family::paths::home::HomeState;
use crate::engine::plan::diff::Differ;

impl Differ<'_> {
    /// Returns the homes to create, each with its owner and mode. Reports problems with existing homes.
    pub(in crate::engine) fn new_homes(&mut self) -> BTreeMap<ManagedPath, Access> {
        let mut new = BTreeMap::new();
        let (manifest, observed) = (self.manifest, self.observed);
        for user in &manifest.users {
            let Some((home, state)) = observed.homes.of.get(&user.name) else { continue };
            match state {
                HomeState::Nothing => match home.parse::<ManagedPath>() {
                    Ok(path) => {
                        if self.in_force && self.is_known(user) {
                            self.drifted(&user.name, format!("home {home}: missing"));
                        }
                        new.insert(path, self.access_of_home(user));
                    }
                    Err(invalid) => self.no_home(user, home, "cannot be created", &invalid.to_string()),
                },
                HomeState::Directory { uid } if self.is_theirs(user, *uid) => {}
                HomeState::Directory { uid } => {
                    let owner = observed.accounts.user_of(*uid);
                    self.no_home(user, home, &format!("belongs to {owner}"), "");
                }
                HomeState::Other => self.no_home(user, home, "is not a directory", ""),
                HomeState::Unreachable(problem) => {
                    let why = problem.why.as_deref().unwrap_or_default();
                    let why = format!("{}: {why}", problem.what);
                    self.no_home(user, home, "cannot be created", why.trim_end_matches(": "));
                }
            }
        }
        new
    }

    /// Whether `uid` is the id of the user: the id of the account or, if the user has no account yet, the id
    /// in the manifest.
    fn is_theirs(&self, user: &User, uid: u32) -> bool {
        let account = self.observed.accounts.users.get(&*user.name);
        account.map_or(user.uid, |account| Some(account.uid)) == Some(uid)
    }

    fn is_known(&self, user: &User) -> bool {
        self.state.users.get(&user.name).is_some_and(|owned| !owned.disabled)
    }

    fn access_of_home(&self, user: &User) -> Access {
        let (accounts, owned) = (&self.observed.accounts, self.state.users.get(&user.name));
        let account = accounts.users.get(&*user.name);
        let group = account.and_then(|account| {
            AccountInputs { user: Some(user), account, owned, accounts }.target().group.parse::<Owner>().ok()
        });
        Access {
            mode: self.observed.homes.mode.unwrap_or(Mode::DIRECTORY),
            owner: user.name.clone(),
            group: group.unwrap_or_else(|| user.group.clone()),
            list: false,
        }
    }

    /// Reports a home that its user cannot use. If the user already had this home, or if the host returns to
    /// an earlier generation, the report is only a warning, so that other changes are not blocked.
    fn no_home(&mut self, user: &User, home: &str, what: &str, why: &str) {
        let name = &user.name;
        let account = self.observed.accounts.users.get(&**name);
        let stays = self.is_known(user) && account.is_some_and(|account| account.home == *home);
        let mut help = Vec::new();
        if let Ok(path) = home.parse::<ManagedPath>() {
            let group = self.access_of_home(user).group;
            let (mode, path) = (self.observed.homes.mode.unwrap_or(Mode::DIRECTORY), &*path);
            help.push(format!(
                "make the user the owner of the directory, but not of its content: \
                 nixfleet.directories.{path:?} = {{ mode = \"{mode}\"; owner = \"{name}\"; group = \
                 \"{group}\"; }};"
            ));
        }
        if account.is_none() && what.starts_with("belongs to") {
            help.push(format!(
                "if the home belonged to an earlier account of the user, set nixfleet.users.{}.uid to the id \
                 of that account",
                quoted(name)
            ));
        }
        help.push(format!(
            "leave the directory as it is: nixfleet.users.{}.createHome = false;",
            quoted(name)
        ));
        if stays || self.returns {
            if self.in_force {
                self.drifted(name, format!("home {home}: {what}"));
            }
            let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
            let what = format!("its home {home} {what}{why}; {}", help.join(", or "));
            return self.warnings.push(Warning { subject: name.to_string(), what });
        }
        let problem = Problem::new(Code::Account, format!("the home {home} of `{name}` {what}"))
            .at(format!("nixfleet.users.{}.home", quoted(name)))
            .help(help.join("\n"));
        let why = if why.is_empty() { "NixFleet does not change the owner of an existing home" } else { why };
        self.problems.push(problem.because(why));
    }
}
