//! Flake references as they may be shown and recorded: without secrets.

/// Stands for a secret.
pub const HIDDEN: &str = "…";
/// Parameters of a flake reference that are no secret.
const PLAIN: [&str; 11] = [
    "ref",
    "rev",
    "dir",
    "host",
    "narHash",
    "submodules",
    "shallow",
    "lastModified",
    "allRefs",
    "lfs",
    "exportIgnore",
];

/// A flake reference without a user, a password or a token in it.
#[must_use]
pub fn reference(text: &str) -> String {
    let (place, query) = text.split_once('?').map_or((text, None), |(place, query)| (place, Some(query)));
    let place = match place.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
            match host.rsplit_once('@') {
                // `git` in git+ssh://git@… says nothing.
                Some((user, _)) if scheme.ends_with("ssh") && !user.contains(':') => place.to_owned(),
                Some((_, host)) => format!("{scheme}://{HIDDEN}@{host}{path}"),
                None => place.to_owned(),
            }
        }
        None => place.to_owned(),
    };
    let Some(query) = query else { return place };
    let parameter = |parameter: &str| match parameter.split_once('=') {
        Some((name, _)) if !PLAIN.contains(&name) => format!("{name}={HIDDEN}"),
        _ => parameter.to_owned(),
    };
    format!("{place}?{}", query.split('&').map(parameter).collect::<Vec<_>>().join("&"))
}
