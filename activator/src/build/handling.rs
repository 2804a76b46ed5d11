//! Determines from the text of a unit how systemd allows it to be started, stopped and reloaded.

use nixfleet_contract::manifest::Handling;
use nixfleet_contract::values::UnitName;

use super::install::UnitSection;

/// Returns how systemd handles a unit. `text`: the text of the unit, followed by the texts of its drop-ins.
/// `own`: whether the unit file itself is declared, and not only drop-ins.
pub(super) fn handling(unit: &UnitName, text: &str, own: bool) -> Handling {
    let mut settings = UnitSection::read(text, "Unit");
    let mut service = UnitSection::read(text, "Service");
    let reloads = [("ExecReload", &mut service), ("PropagatesReloadTo", &mut settings)];
    let reloads = reloads.into_iter().any(|(key, section)| section.last(key).is_some());
    let kind = service.last("Type");
    let is_made = service.last("DynamicUser").is_some_and(|value| is_true(&value));
    // Skip ids, which need no account, and names with specifiers, which only systemd can resolve.
    let is_name = |name: &String| !is_made && !name.contains('%') && name.parse::<u32>().is_err();
    let (user, group) = (service.last("User").filter(is_name), service.last("Group").filter(is_name));
    Handling {
        refuses_start: settings.last("RefuseManualStart").map(|value| is_true(&value)),
        refuses_stop: settings.last("RefuseManualStop").map(|value| is_true(&value)),
        oneshot: kind.as_deref() == Some("oneshot"),
        reloads: reloads || kind.as_deref() == Some("notify-reload"),
        activates: if own { activated(unit, text) } else { None },
        user,
        group,
    }
}

/// Returns the service that a socket starts; `None` if the socket starts one service instance for each
/// connection.
fn activated(unit: &UnitName, text: &str) -> Option<UnitName> {
    let stem = unit.strip_suffix(".socket")?;
    let mut socket = UnitSection::read(text, "Socket");
    if socket.last("Accept").is_some_and(|value| is_true(&value)) {
        return None;
    }
    let stated = socket.last("Service").filter(|service| !service.contains('%'));
    stated.unwrap_or_else(|| format!("{stem}.service")).parse().ok()
}

/// Whether systemd reads a value as true.
fn is_true(value: &str) -> bool {
    ["1", "yes", "y", "true", "t", "on"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(unit: &str, text: &str) -> Handling {
        handling(&unit.parse().unwrap(), text, true)
    }

    #[test]
    fn the_last_word_counts() {
        let text = "[Unit]\nRefuseManualStop=yes\n[Service]\nRefuseManualStart=yes\nExecReload=/bin/true\n\
                    [Unit]\nRefuseManualStop=no\n[Service]\nExecReload=\n";
        let it = said("a.service", text);
        assert_eq!((it.refuses_start, it.refuses_stop, it.reloads), (None, Some(false), false));
        assert!(said("a.service", "[Service]\nType=notify-reload\n").reloads);
    }

    #[test]
    fn a_service_names_who_has_to_exist() {
        let accounts = |text: &str| {
            let it = said("a.service", &format!("[Service]\n{text}"));
            (it.user, it.group)
        };
        let name = |name: &str| Some(name.to_owned());
        assert_eq!(accounts("User=app\nGroup=web\n"), (name("app"), name("web")));
        assert_eq!(accounts("User=1000\nGroup=%i\n"), (None, None));
        assert_eq!(accounts("User=app\nDynamicUser=yes\n"), (None, None));
        assert_eq!(accounts("User=app\nUser=\n"), (None, None));
    }

    #[test]
    fn a_socket_names_its_service() {
        let service = |text: &str| said("a.socket", text).activates.map(String::from);
        assert_eq!(service("[Socket]\nListenStream=1\n").as_deref(), Some("a.service"));
        assert_eq!(service("[Socket]\nService=b.service\n").as_deref(), Some("b.service"));
        assert_eq!(service("[Socket]\nAccept=true\n"), None);
    }
}
