//! Detects uids and gids in the manifest that another account already has.

use nixfleet_contract::problem::{Code, Problem};

use crate::engine::plan::diff::Differ;

impl Differ<'_> {
    /// Reports each new account for which the manifest states an id that another account already has, since
    /// useradd(8) and groupadd(8) would refuse this id.
    pub(in crate::engine) fn check_ids(&mut self) {
        let accounts = &self.observed.accounts;
        let new_user = |name: &str| !accounts.users.contains_key(name);
        let new_group = |name: &str| !accounts.groups.contains_key(name);
        let users = self.manifest.users.iter().filter(|user| new_user(&user.name));
        let users = users.filter_map(|user| {
            let uid = user.uid?;
            let (owner, _) = accounts.users.iter().find(|(_, account)| account.uid == uid)?;
            Some(taken("users", "uid", &user.name, uid, owner))
        });
        let groups = self.manifest.groups.iter().filter(|group| new_group(&group.name));
        let groups = groups.filter_map(|group| {
            let gid = group.gid?;
            let (owner, _) = accounts.groups.iter().find(|(_, known)| **known == gid)?;
            Some(taken("groups", "gid", &group.name, gid, owner))
        });
        let problems: Vec<Problem> = users.chain(groups).collect();
        self.problems.extend(problems);
    }
}

fn taken(option: &str, field: &str, name: &str, id: u32, owner: &str) -> Problem {
    Problem::new(Code::Account, format!("the id {id} of `{name}` is already in use on the host"))
        .at(format!("nixfleet.{option}.{name}.{field}"))
        .because(format!("`{owner}` has this id"))
        .help("choose another id, or remove the id to let the host assign a free one")
}
