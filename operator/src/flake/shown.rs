//! Flake references with secrets hidden, for display and for records.

/// The text that replaces a secret.
pub const HIDDEN: &str = "…";
/// The parameters of a flake reference that contain no secrets.
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

/// Returns a flake reference with the user, the password and tokens hidden.
#[must_use]
pub fn reference(text: &str) -> String {
    let (place, query) = text.split_once('?').map_or((text, None), |(place, query)| (place, Some(query)));
    let place = match place.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
            match host.rsplit_once('@') {
                // An SSH user without a password, such as `git` in git+ssh://git@…, is no secret.
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
