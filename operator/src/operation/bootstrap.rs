//! Bootstrap: prepares hosts that have only an SSH server, so that they can be managed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nixfleet_contract::fleet::Host;
use nixfleet_contract::outcome::Outcome;
use nixfleet_contract::problem::{Code, Problem};
use serde::{Deserialize, Serialize};

use super::adopt::{self, Offer};
use super::at_once::{AtOnce, resting};
use super::bootstrap_problems::{
    again, busy, earlier_unverified, failed, gone, interrupted, never_begun, outcome_of, taken_over,
    unverified,
};
use super::connections::Connections;
use super::context::Context;
use super::planned_bootstrap::PlannedBootstrap;
use super::targets::Targets;
use super::verb::Operation;
use crate::bootstrap::{BootstrapPlan, BootstrapTarget, Daemon, Facts, Installer, Reported, Step, StepEnd};
use crate::event::{Bus, EventKind, Phase};
use crate::host_keys::HostKeys;
use crate::host_result::{BootstrapView, HostResult};
use crate::password::Password;
use crate::remote::bootstrap::{self as remote, BootstrapChange, Privilege, StepReport};
use crate::remote::new_run;
use crate::ssh::{Session, Sockets, host_key};
use crate::stop::Stop;

/// A request to prepare hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BootstrapRequest {
    /// The hosts to prepare.
    pub targets: Targets,
    /// The user to log in as; `None` is the SSH user of the inventory.
    pub login: Option<String>,
    /// Public keys that may log in as the SSH user, in addition to those of the inventory.
    pub keys: Vec<String>,
    /// The fingerprints of host keys to which the user agrees.
    pub fingerprints: BTreeSet<String>,
    /// Whether to plan without changing anything.
    pub dry_run: bool,
}

/// What a bootstrap needs in addition to the request, and what is never recorded.
#[derive(Clone, Debug, Default)]
pub struct Means {
    /// The password of the login, for `sudo` and for hosts that accept no key yet.
    pub password: Option<Password>,
    /// The installer for hosts without Nix.
    pub installer: Option<Installer>,
}

/// The operation that prepares hosts.
pub struct Bootstrap {
    /// The hosts as the inventory describes them, by name, with their keys.
    hosts: BTreeMap<String, Host>,
    keys: Vec<String>,
    privilege: Privilege,
    installer: Option<Installer>,
    connections: Connections,
    /// The file for new host keys, and the hosts whose key is in it.
    file: Option<(HostKeys, BTreeSet<String>)>,
}

impl BootstrapRequest {
    /// Asks each host for its facts, and plans its preparation. `ask` says whether the user agrees to the
    /// keys of hosts that nobody has agreed to yet.
    ///
    /// # Errors
    /// The fleet cannot be evaluated, or names no file for the keys of its hosts.
    pub async fn plan(
        &self,
        means: Means,
        ask: impl AsyncFnOnce(&[Offer]) -> Result<bool, Stop>,
        context: &Context,
    ) -> Result<AtOnce<Bootstrap>, Stop> {
        let (evaluated, hosts) = self.targets.select(context).await?;
        let (hosts, mut excluded) = resting(hosts);
        let (new, mut hosts): (Vec<Host>, Vec<Host>) =
            hosts.into_iter().partition(|host| host.ssh.host_key.is_none());
        let mut file = HostKeys::of(&evaluated.fleet, &evaluated.nix.flake);
        if !new.is_empty() {
            let keys = file?;
            let mut offers = adopt::offers(new, &self.targets, context).await?;
            adopt::judge(&mut offers, &evaluated.fleet, &self.fingerprints);
            adopt::agree(&mut offers, ask).await?;
            if !self.dry_run {
                adopt::record(&offers, &keys).await?;
            }
            for mut offer in offers {
                match offer.key().filter(|_| offer.is_agreed).map(|key| key.key.clone()) {
                    Some(key) => {
                        offer.host.ssh.host_key = Some(key);
                        hosts.push(offer.host);
                    }
                    None => excluded.push(offer.result(false)),
                }
            }
            file = Ok(keys);
        }
        let file = file.ok().filter(|_| !self.dry_run);
        let file = file.map(|file| file.read().map(|keys| (file, keys.into_keys().collect()))).transpose()?;
        let login = |mut host: Host| {
            host.ssh.user = self.login.clone().unwrap_or(host.ssh.user);
            host
        };
        let connections = self.targets.connections;
        let sessions = hosts.iter().cloned().map(login).collect();
        let sessions = connections.sessions_with(sessions, means.password.as_ref())?;
        let operation = Bootstrap {
            hosts: hosts.into_iter().map(|host| (host.name.clone(), host)).collect(),
            keys: self.keys.clone(),
            privilege: Privilege { password: means.password },
            installer: means.installer,
            connections,
            file,
        };
        AtOnce::plan_over(sessions, excluded, self.targets.at_once(), operation, self.dry_run, context).await
    }
}

impl Bootstrap {
    /// Returns a host as the inventory describes it, with the user that NixFleet will log in as.
    fn host(&self, session: &Session) -> Host {
        let host = session.host();
        self.hosts.get(&host.name).unwrap_or(host).clone()
    }

    /// Logs in as NixFleet will do, and checks that the host is prepared.
    async fn verify(&self, host: &Host) -> Result<Facts, Problem> {
        let session = self.connections.sessions(vec![host.clone()])?.remove(0);
        let facts = remote::facts_afresh(&session, &host.ssh.user).await?;
        if facts.daemon == Daemon::Answers {
            return Ok(facts);
        }
        let why = match facts.daemon {
            Daemon::Silent(said) => said,
            Daemon::None | Daemon::Answers => "there is no nix-store".to_owned(),
        };
        Err(Problem::new(Code::NoNix, "the Nix daemon of the host does not answer")
            .at(&host.name)
            .because(why))
    }

    /// Records the new ed25519 key of a host whose earlier key is in the file. The host itself has reported
    /// the key over a connection with the earlier key.
    async fn record(&self, host: &Host, facts: &Facts) -> Result<(), Problem> {
        let (Some((file, recorded)), Some(key)) = (&self.file, &facts.host_key) else { return Ok(()) };
        if !recorded.contains(&host.name) || host.ssh.host_key.as_ref() == Some(key) {
            return Ok(());
        }
        // sshd may be configured not to offer the key.
        let offered = host_key::offered(host, &Sockets::open()?).await?;
        if offered.key == *key { file.record(&[(host.name.clone(), key.clone())]).await } else { Ok(()) }
    }

    /// Does the planned steps on a host. Returns how they ended, and the problem if the host is not prepared.
    async fn carry_out(
        &self,
        session: &Session,
        planned: &PlannedBootstrap,
        events: &Bus,
    ) -> (StepReport, Option<Problem>) {
        let host = self.host(session);
        let name = host.name.clone();
        let installer = self.installer.as_ref();
        let lines = planned.plan.lines(installer);
        let program =
            installer.filter(|_| planned.has(Step::Installer)).map(|each| Arc::clone(&each.program));
        let (id, earlier) = (new_run(), planned.plan.earlier.as_deref());
        let mut report = StepReport::default();
        if !lines.is_empty() {
            let (user, keys) = (host.ssh.user.as_str(), planned.plan.keys.as_str());
            let change = BootstrapChange { id: &id, earlier, user, keys, lines: &lines };
            report = match remote::change(session, &self.privilege, change, program).await {
                Ok(report) => report,
                Err(problem) => return (report, Some(again(problem, &name))),
            };
        }
        if let Some(owner) = report.busy.take() {
            return (report, Some(busy(&name, &owner)));
        }
        if report.is_gone {
            return (report, Some(gone(&name)));
        }
        if let Some(step) = report.failed() {
            let problem = failed(&name, step, &report);
            return (report, Some(problem));
        }
        if let Some(step) = planned.plan.not_done(&report.steps) {
            let problem = interrupted(step, &report);
            return self.undo_all(session, &id, report, &problem).await;
        }
        events.say(EventKind::HostPhase { host: name.clone(), phase: Phase::Confirming });
        match self.verify(&host).await {
            Ok(facts) => {
                let open = if lines.is_empty() { earlier } else { Some(&*id) };
                // If this fails, the next bootstrap completes the record.
                let ended = remote::end(session, &self.privilege, open.unwrap_or_default()).await;
                if earlier.is_some() && ended.is_ok() {
                    report.steps.push(Reported { step: Step::Record, end: StepEnd::Done });
                }
                (report, self.record(&host, &facts).await.err())
            }
            Err(problem) if lines.is_empty() => (report, Some(earlier_unverified(&problem).at(&name))),
            Err(problem) => self.undo_all(session, &id, report, &problem).await,
        }
    }

    /// Undoes the steps on a host that did not pass its check because of `problem`.
    async fn undo_all(
        &self,
        session: &Session,
        id: &str,
        mut report: StepReport,
        problem: &Problem,
    ) -> (StepReport, Option<Problem>) {
        let undo = match remote::undo(session, &self.privilege, id).await {
            Ok(undone) if undone.busy.is_some() => {
                return (report, Some(taken_over(problem).at(&session.host().name)));
            }
            Ok(undone) if undone.is_gone && report.steps.is_empty() => {
                return (report, Some(never_begun(problem.clone()).at(&session.host().name)));
            }
            Ok(undone) => {
                report.steps.extend(undone.steps);
                None
            }
            Err(undo) => Some(undo),
        };
        let problem = unverified(problem, undo.as_ref()).at(&session.host().name);
        (report, Some(problem))
    }
}

impl Operation for Bootstrap {
    type Plan = PlannedBootstrap;

    async fn plan(&self, session: &Arc<Session>, events: &Bus) -> Result<PlannedBootstrap, Problem> {
        let host = self.host(session);
        events.say(EventKind::HostPhase { host: host.name.clone(), phase: Phase::Planning });
        let facts = remote::facts(session, &self.privilege, &host.ssh.user).await?;
        let mut keys = self.keys.clone();
        keys.extend(host.ssh.authorized_keys.iter().filter(|key| !self.keys.contains(key)).cloned());
        let target = BootstrapTarget {
            host: &host,
            keys: &keys,
            installer: self.installer.as_ref(),
            has_login: session.host().ssh.user == host.ssh.user && !session.used_password(),
        };
        let mut plan = BootstrapPlan::of(&target, &facts);
        let packages = plan.to_simulate();
        if !packages.is_empty() {
            let simulated = remote::simulate(session, &self.privilege, &packages).await?;
            plan.simulated(simulated);
        }
        Ok(PlannedBootstrap { plan })
    }

    async fn perform(&self, session: &Session, planned: &PlannedBootstrap, events: &Bus) -> HostResult {
        let host = session.host().name.clone();
        events.say(EventKind::HostPhase { host: host.clone(), phase: Phase::Preparing });
        let view = |report: StepReport| {
            Some(Box::new(BootstrapView { steps: planned.plan.steps.clone(), report: report.steps }))
        };
        match self.carry_out(session, planned, events).await {
            (report, None) => HostResult { bootstrap: view(report), ..HostResult::new(host, Outcome::Ok) },
            (report, Some(problem)) => {
                let result = HostResult::failed(host, problem);
                let outcome = if report.steps.is_empty() { result.outcome } else { outcome_of(&report) };
                HostResult { outcome, bootstrap: view(report), ..result }
            }
        }
    }
}
