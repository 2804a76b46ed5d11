//! Adopt: records the keys that hosts offer, after the user has agreed to them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use nixfleet_contract::fleet::{Fleet, Host};
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::{Code, Problem};
use serde::{Deserialize, Serialize};

use super::context::Context;
use super::targets::Targets;
use crate::event::{EventKind, Phase};
use crate::host_keys::HostKeys;
use crate::host_result::HostResult;
use crate::orchestrate::each;
use crate::ssh::Sockets;
use crate::ssh::host_key::{self, OfferedKey};
use crate::stop::Stop;

/// A request to record the keys of hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdoptRequest {
    /// The hosts whose keys are recorded.
    pub targets: Targets,
    /// The fingerprints to which the user agrees.
    pub fingerprints: BTreeSet<String>,
    /// Whether to show the keys without recording them.
    pub dry_run: bool,
}

/// A host, and the key that it offers.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The host of the inventory.
    pub host: Host,
    /// The key, or the problem because of which it is unknown. `None` if the host was not asked.
    pub offered: Option<Result<OfferedKey, Problem>>,
    /// What the inventory says about the key.
    pub pinned: Pinned,
    /// Whether the user agrees to the key.
    pub is_agreed: bool,
}

/// What the inventory says about the key that a host offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pinned {
    /// The inventory has no key of the host.
    No,
    /// The inventory has this key.
    Same,
    /// The inventory has another key.
    Other,
}

impl AdoptRequest {
    /// Asks the hosts for their keys, proposes those that the inventory does not have, and records the keys
    /// to which the user agrees. `ask` receives the offers and says whether the user agrees to the keys that
    /// are not agreed to yet; the user is asked only if there is such a key.
    ///
    /// # Errors
    /// The fleet cannot be evaluated, or names no file for keys.
    pub async fn carry_out(
        &self,
        ask: impl AsyncFnOnce(&[Offer]) -> Result<bool, Stop>,
        context: &Context,
    ) -> Result<Vec<HostResult>, Stop> {
        let (evaluated, hosts) = self.targets.select(context).await?;
        let file = HostKeys::of(&evaluated.fleet, &evaluated.nix.flake)?;
        let recorded = file.read()?;
        let began = Instant::now();
        let mut offers = offers(hosts, &self.targets, context).await?;
        let has_ended = |offer: &Offer| matches!(offer.offered, Some(Err(_)));
        let ended: BTreeSet<String> =
            offers.iter().filter(|offer| has_ended(offer)).map(|offer| offer.host.name.clone()).collect();
        judge(&mut offers, &evaluated.fleet, &self.fingerprints);
        for offer in offers.iter_mut().filter(|offer| offer.pinned == Pinned::Other) {
            if !recorded.contains_key(&offer.host.name) {
                offer.offered = Some(Err(declared(&offer.host)));
            }
        }
        agree(&mut offers, ask).await?;
        if !self.dry_run {
            record(&offers, &file).await?;
        }
        let results: Vec<HostResult> = offers.iter().map(|offer| offer.result(self.dry_run)).collect();
        for result in results.iter().filter(|result| !ended.contains(&result.host)) {
            context.events.say(EventKind::HostEnded(result.end(began.elapsed())));
        }
        Ok(results)
    }
}

impl Offer {
    /// Whether the user has to agree to the key, and has not yet.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.key().is_some() && self.pinned != Pinned::Same && !self.is_agreed
    }

    /// Returns the key, if it is known.
    #[must_use]
    pub fn key(&self) -> Option<&OfferedKey> {
        self.offered.as_ref()?.as_ref().ok()
    }

    /// Returns the result of the host.
    #[must_use]
    pub fn result(&self, dry_run: bool) -> HostResult {
        let name = self.host.name.clone();
        let host_key = self.key().cloned().map(Box::new);
        match &self.offered {
            None => HostResult::new(name, Outcome::Skipped),
            Some(Err(problem)) => HostResult::failed(name, problem.clone()),
            Some(Ok(_)) if self.pinned == Pinned::Same => {
                HostResult { host_key, ..HostResult::new(name, Outcome::Unchanged) }
            }
            Some(Ok(_)) if self.is_agreed || dry_run => {
                HostResult { host_key, ..HostResult::new(name, Outcome::Ok) }
            }
            Some(Ok(key)) => {
                let problem = not_agreed(&self.host, key);
                let outcome = Outcome::Blocked;
                HostResult { host_key, problem: Some(problem), ..HostResult::new(name, outcome) }
            }
        }
    }
}

/// Asks hosts for the keys that they offer. Publishes the end of the work on each host that cannot be asked.
///
/// # Errors
/// There is no private directory, or because of a bug.
pub async fn offers(hosts: Vec<Host>, targets: &Targets, context: &Context) -> Result<Vec<Offer>, Stop> {
    let sockets = Arc::new(Sockets::open()?);
    let connect = targets.connections.connect_timeout;
    let asked = each(hosts.clone(), targets.at_once(), &context.interrupt, |mut host| {
        let (sockets, events) = (Arc::clone(&sockets), context.events.clone());
        async move {
            events.say(EventKind::HostPhase { host: host.name.clone(), phase: Phase::Connecting });
            let began = Instant::now();
            host.timeouts.connect = connect.unwrap_or(host.timeouts.connect);
            let offered = host_key::offered(&host, &sockets).await;
            if let Err(problem) = &offered {
                let result = HostResult::failed(&host.name, problem.clone());
                events.say(EventKind::HostEnded(result.end(began.elapsed())));
            }
            offered
        }
    });
    let asked = asked.await?;
    let offer = |(host, offered)| Offer { host, offered, pinned: Pinned::No, is_agreed: false };
    Ok(hosts.into_iter().zip(asked).map(offer).collect())
}

/// Compares the offered keys with the keys of the inventory, with the user's own `known_hosts` and with the
/// fingerprints to which the user agrees. A key of another host is refused, because the hosts would be one.
pub fn judge(offers: &mut [Offer], fleet: &Fleet, fingerprints: &BTreeSet<String>) {
    let plain = |key: &str| key.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let taken = |key: &OfferedKey, name: &str| {
        let mut others = fleet.hosts.values().filter(|other| other.name != name);
        others.find(|other| other.ssh.host_key.as_deref().is_some_and(|own| plain(own) == key.key))
    };
    let offered: Vec<(String, String)> =
        offers.iter().filter_map(|offer| Some((offer.key()?.key.clone(), offer.host.name.clone()))).collect();
    for offer in offers {
        let Some(Ok(key)) = &offer.offered else { continue };
        let name = &offer.host.name;
        let twin =
            offered.iter().find(|(other, host)| *other == key.key && host != name).map(|(_, host)| host);
        if let Some(other) = taken(key, name).map(|other| &other.name).or(twin) {
            offer.offered = Some(Err(shared(name, other)));
            continue;
        }
        offer.pinned = match offer.host.ssh.host_key.as_deref() {
            None => Pinned::No,
            Some(own) if plain(own) == key.key => Pinned::Same,
            Some(_) => Pinned::Other,
        };
        offer.is_agreed = key.is_known || fingerprints.contains(&key.fingerprint);
    }
}

/// Asks the user about the keys that are not agreed to yet, if there are any.
///
/// # Errors
/// The error that `ask` returns.
pub async fn agree(
    offers: &mut [Offer],
    ask: impl AsyncFnOnce(&[Offer]) -> Result<bool, Stop>,
) -> Result<(), Stop> {
    if offers.iter().any(Offer::is_open) && ask(&*offers).await? {
        for offer in offers.iter_mut().filter(|offer| offer.key().is_some()) {
            offer.is_agreed = true;
        }
    }
    Ok(())
}

/// Records the keys to which the user has agreed.
///
/// # Errors
/// The file cannot be written.
pub async fn record(offers: &[Offer], file: &HostKeys) -> Result<(), Problem> {
    let agreed = offers.iter().filter(|offer| offer.is_agreed && offer.pinned != Pinned::Same);
    let keys: Vec<(String, String)> =
        agreed.filter_map(|offer| Some((offer.host.name.clone(), offer.key()?.key.clone()))).collect();
    if keys.is_empty() { Ok(()) } else { file.record(&keys).await }
}

fn not_agreed(host: &Host, key: &OfferedKey) -> Problem {
    Problem::new(Code::HostKey, "you have not accepted the host key")
        .at(&host.name)
        .because(format!("the host offers {}", key.fingerprint))
        .help(format!(
            "compare the fingerprint on the console of the host (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), \
             then run: nixfleet host adopt {} --fingerprint {}",
            host.name, key.fingerprint
        ))
}

fn shared(name: &str, other: &str) -> Problem {
    Problem::new(Code::HostKey, format!("the host has the same key as {other}"))
        .at(name)
        .because("a cloned image has the keys of its original, and the key is the identity of a host")
        .help("on one of the hosts, as root: rm /etc/ssh/ssh_host_*; ssh-keygen -A; systemctl restart ssh")
}

/// Returns the problem to report for a host whose declared key differs from the offered key.
fn declared(host: &Host) -> Problem {
    let help = format!(
        "only if the host was reinstalled, remove hosts.{}.ssh.hostKey from the inventory, and run the command \
         again",
        host.name
    );
    Problem::new(Code::HostKey, "the key of the host differs from the pinned key").at(&host.name).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn offer(name: &str, pinned: Option<&str>, key: &str, is_known: bool) -> Offer {
        let mut host = sample::host(name);
        host.ssh.host_key = pinned.map(str::to_owned);
        let (key, fingerprint) = (format!("ssh-ed25519 {key}"), format!("SHA256:{key}"));
        let offered = Some(Ok(OfferedKey { key, fingerprint, is_known }));
        Offer { host, offered, pinned: Pinned::No, is_agreed: false }
    }

    fn fleet(hosts: &[&Offer]) -> Fleet {
        let mut fleet: Fleet =
            serde_json::from_value(serde_json::json!({ "schema": 1, "hosts": {} })).unwrap();
        fleet.hosts = hosts.iter().map(|offer| (offer.host.name.clone(), offer.host.clone())).collect();
        fleet
    }

    #[tokio::test]
    async fn only_keys_that_nobody_knows_are_asked_about() {
        let mut offers = [
            offer("new", None, "AA", false),
            offer("known", None, "BB", true),
            offer("listed", None, "CC", false),
            offer("pinned", Some("ssh-ed25519 DD root@x"), "DD", false),
            offer("other", Some("ssh-ed25519 EE"), "FF", false),
        ];
        let all: Vec<Offer> = offers.to_vec();
        let listed = BTreeSet::from(["SHA256:CC".to_owned()]);
        judge(&mut offers, &fleet(&all.iter().collect::<Vec<_>>()), &listed);
        let open = |offers: &[Offer]| -> Vec<String> {
            offers.iter().filter(|offer| offer.is_open()).map(|offer| offer.host.name.clone()).collect()
        };
        assert_eq!(open(&offers), ["new", "other"]);
        agree(&mut offers, async |_| Ok(false)).await.unwrap();
        let outcomes: Vec<Outcome> = offers.iter().map(|offer| offer.result(false).outcome).collect();
        let (ok, blocked) = (Outcome::Ok, Outcome::Blocked);
        assert_eq!(outcomes, [blocked, ok, ok, Outcome::Unchanged, blocked]);
        agree(&mut offers, async |_| Ok(true)).await.unwrap();
        assert_eq!(open(&offers), [""; 0]);
    }

    #[test]
    fn two_hosts_never_get_the_same_key() {
        let mut offers =
            [offer("a", None, "AA", true), offer("b", None, "AA", true), offer("c", None, "CC", true)];
        let other = offer("d", Some("ssh-ed25519 CC"), "CC", true);
        judge(&mut offers, &fleet(&[&other]), &BTreeSet::new());
        for offer in &offers {
            assert_eq!(offer.result(false).problem.unwrap().code, Code::HostKey, "{}", offer.host.name);
        }
    }
}
