//! HTTP URLs.

use http::Uri;
use serde::{Deserialize, Serialize};

use super::{Invalid, checked_string};

/// An `http` or `https` URL with a host and without a user name or password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Url(String);

checked_string!(Url);

impl Url {
    fn check(text: &str) -> Result<(), Invalid> {
        let invalid = |why: &str| Err(Invalid(format!("URL `{}` {why}", text.escape_debug())));
        let Ok(uri) = text.parse::<Uri>() else { return invalid("is not valid") };
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return invalid("does not begin with http:// or https://");
        }
        match uri.authority() {
            // Everyone can read a manifest, so a URL in it must not contain a password.
            Some(authority) if authority.as_str().contains('@') => invalid("contains a user name"),
            // `http::Uri` returns no port if the port is invalid. Without this check, the default port would
            // be used.
            Some(authority)
                if authority.as_str() != authority.host() && !matches!(authority.port_u16(), Some(1..)) =>
            {
                invalid("has a port that is not from 1 to 65535")
            }
            Some(authority) if !authority.host().is_empty() => Ok(()),
            _ => invalid("names no host"),
        }
    }

    /// Returns the host and the port, which is the default port of the scheme if the URL has none. An IPv6
    /// address is returned without its brackets.
    #[must_use]
    pub fn host_and_port(&self) -> Option<(String, u16)> {
        let uri = self.0.parse::<Uri>().ok()?;
        let usual = if self.is_tls() { 443 } else { 80 };
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
        Some((host.to_owned(), uri.port_u16().unwrap_or(usual)))
    }

    /// Returns whether the URL uses TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.0.parse::<Uri>().is_ok_and(|uri| uri.scheme_str() == Some("https"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_it_leads() {
        let of = |text: &str| text.parse::<Url>().unwrap().host_and_port().unwrap();
        assert_eq!(of("http://inner/x"), ("inner".to_owned(), 80));
        assert_eq!(of("https://inner:8443"), ("inner".to_owned(), 8443));
        assert_eq!(of("https://[::1]/"), ("::1".to_owned(), 443));
    }

    #[test]
    fn a_url_names_a_scheme_that_is_known_and_a_host() {
        for good in
            ["http://localhost", "http://10.0.0.1:8080/a?b=c", "https://[::1]/", "HTTPS://web.example.org"]
        {
            assert!(good.parse::<Url>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "localhost:80",
            "ftp://web/",
            "http://",
            "http:///x",
            "http://a:b@web/",
            "http://web/ x",
            "/x",
            "http://web:0/",
            "http://web:99999/",
            "http://[::1]:65536/",
        ] {
            assert!(bad.parse::<Url>().is_err(), "{bad}");
        }
        assert!("HTTPS://web".parse::<Url>().unwrap().is_tls());
    }
}
