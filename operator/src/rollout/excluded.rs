//! The selected hosts that an apply excludes: hosts in maintenance, and hosts with a pin in force.

use jiff::Timestamp;
use nixfleet_contract::fleet::{Fleet, Host, Pin};
use nixfleet_contract::policy::Canary;
use nixfleet_contract::problem::Problem;

use crate::event::ExcludedHost;
use crate::inventory::{self, Natural};

/// The selected hosts, separated into the hosts that take part and the hosts that are excluded.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Parted {
    /// The hosts that take part.
    pub hosts: Vec<Host>,
    /// The excluded hosts, and why each is excluded.
    pub excluded: Vec<ExcludedHost>,
    /// The warnings about hosts. Each warning is the name of a host and a text.
    pub warnings: Vec<(String, String)>,
}

/// Returns the current date in UTC, in the format in which pins state when they expire, such as `2027-01-31`.
#[must_use]
pub fn today() -> String {
    Timestamp::now().strftime("%Y-%m-%d").to_string()
}

/// Separates the selected hosts into the hosts that take part and the hosts that are excluded. `today` is the
/// current date, such as `2027-01-31`.
#[must_use]
pub fn part(hosts: Vec<Host>, today: &str) -> Parted {
    let mut parted = Parted::default();
    for host in hosts {
        if let Some(pin) = host.pin.as_ref().filter(|pin| has_expired(pin, today)) {
            let until = pin.until.as_deref().unwrap_or_default();
            let text = format!("its pin ended on {until} and no longer applies: {}", pin.reason);
            parted.warnings.push((host.name.clone(), text));
        }
        match reason(&host, today) {
            Some(reason) => parted.excluded.push(ExcludedHost { host: host.name, reason }),
            None => parted.hosts.push(host),
        }
    }
    parted
}

/// Returns why an apply excludes a host, if it does.
#[must_use]
pub fn reason(host: &Host, today: &str) -> Option<String> {
    let maintenance = host.maintenance.as_ref().map(|why| format!("maintenance: {why}"));
    maintenance.or_else(|| pin(host, today).map(described))
}

/// Returns the pin of a host, unless the pin has expired.
#[must_use]
pub fn pin<'a>(host: &'a Host, today: &str) -> Option<&'a Pin> {
    host.pin.as_ref().filter(|pin| !has_expired(pin, today))
}

/// Returns why an apply excludes a host, if it does. If the host is pinned to a generation but is at a
/// different generation, the returned text says so.
#[must_use]
pub fn reason_at(host: &Host, generation: Option<u64>, today: &str) -> Option<String> {
    let pinned = pin(host, today).and_then(|pin| pin.generation);
    let elsewhere = generation.filter(|generation| pinned.is_some_and(|pinned| pinned != *generation));
    let beside = elsewhere.map(|generation| format!("; but it is at generation {generation}"));
    reason(host, today).map(|reason| reason + &beside.unwrap_or_default())
}

/// Returns a warning if all chosen canaries are excluded, so that the rollout starts with the wave after the
/// canaries.
///
/// # Errors
/// Fails if a canary expression is malformed, or selects no host of the fleet.
pub fn without_canaries(fleet: &Fleet, parted: &Parted, canary: &Canary) -> Result<Option<String>, Problem> {
    let (Canary::Chosen(expressions), false) = (canary, parted.hosts.is_empty()) else { return Ok(None) };
    let excluded: Vec<Host> =
        parted.excluded.iter().filter_map(|each| fleet.hosts.get(&each.host)).cloned().collect();
    let resting = inventory::matching(fleet, expressions, &excluded)?;
    if resting.is_empty() || !inventory::matching(fleet, expressions, &parted.hosts)?.is_empty() {
        return Ok(None);
    }
    let mut names: Vec<String> = resting.into_iter().collect();
    names.sort_by_cached_key(|name| Natural::of(name));
    Ok(Some(format!("no canary goes first, since all canaries are left out: {}", names.join(", "))))
}

/// Returns a pin in words, such as `pinned to generation 12 until 2027-01-31: a regression`.
#[must_use]
pub fn described(pin: &Pin) -> String {
    let generation = pin.generation.map(|number| format!("generation {number}"));
    let to = generation.or(pin.rev.as_ref().map(|rev| format!("revision {rev}"))).unwrap_or_default();
    let until = pin.until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
    format!("pinned to {to}{until}: {}", pin.reason)
}

/// Whether a pin has expired. The dates have the form `2027-01-31`, and can therefore be compared as text.
fn has_expired(pin: &Pin, today: &str) -> bool {
    pin.until.as_deref().is_some_and(|until| until < today)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::waves_tests::{fleet, host};

    fn pinned(name: &str, until: Option<&str>) -> Host {
        let reason = "a regression".to_owned();
        let pin = Pin { generation: Some(12), rev: None, reason, until: until.map(str::to_owned) };
        Host { pin: Some(pin), ..host(name, &[]) }
    }

    #[test]
    fn hosts_in_maintenance_or_pinned_are_excluded_and_an_old_pin_is_reported() {
        let resting = Host { maintenance: Some("new disks".to_owned()), ..host("b", &[]) };
        let hosts = vec![
            host("a", &[]),
            resting,
            pinned("c", None),
            pinned("d", Some("2027-01-31")),
            pinned("e", Some("2027-01-30")),
        ];
        let parted = part(hosts, "2027-01-31");
        let names: Vec<&str> = parted.hosts.iter().map(|host| host.name.as_str()).collect();
        assert_eq!(names, ["a", "e"]);
        let reasons: Vec<&str> = parted.excluded.iter().map(|each| each.reason.as_str()).collect();
        assert_eq!(
            reasons,
            [
                "maintenance: new disks",
                "pinned to generation 12: a regression",
                "pinned to generation 12 until 2027-01-31: a regression"
            ]
        );
        let warning =
            ("e".to_owned(), "its pin ended on 2027-01-30 and no longer applies: a regression".to_owned());
        assert_eq!(parted.warnings, [warning]);
    }

    #[test]
    fn a_host_that_is_not_where_it_is_pinned_says_so() {
        let at = |generation| reason_at(&pinned("a", None), Some(generation), "2027-01-31").unwrap();
        assert_eq!(at(12), "pinned to generation 12: a regression");
        assert_eq!(at(15), "pinned to generation 12: a regression; but it is at generation 15");
        assert_eq!(reason_at(&pinned("a", Some("2027-01-30")), Some(15), "2027-01-31"), None);
    }

    #[test]
    fn it_is_reported_that_all_canaries_are_excluded() {
        let resting =
            |name: &str| Host { maintenance: Some("new disks".to_owned()), ..host(name, &["canary"]) };
        let canary = Canary::Chosen(vec!["@canary".to_owned()]);
        let told = |hosts: Vec<Host>, canary: &Canary| {
            let fleet = fleet(&hosts, &[]);
            without_canaries(&fleet, &part(hosts, "2027-01-31"), canary).unwrap()
        };
        let text = told(vec![resting("a"), resting("b"), host("c", &[])], &canary);
        assert_eq!(text.as_deref(), Some("no canary goes first, since all canaries are left out: a, b"));
        assert_eq!(told(vec![resting("a"), host("b", &["canary"])], &canary), None);
        assert_eq!(told(vec![resting("a"), host("b", &[])], &Canary::First(1)), None);
    }
}
