//! Compiles the health checks of an intent to health checks of a manifest.

use std::collections::{BTreeMap, BTreeSet};

use nixfleet_contract::health::{Check, Http, Probe};
use nixfleet_contract::intent::{HealthCheck, HttpCheck};
use nixfleet_contract::values::AbsPath;
use ureq::http::{HeaderName, HeaderValue};

use super::compile::Compiler;

/// The maximum number of health checks of a host. The number is limited because each check runs in its own
/// thread.
const MOST: usize = 128;

impl Compiler<'_> {
    /// Compiles health checks. Returns them sorted by name.
    pub(super) fn health_checks(&mut self, checks: &[HealthCheck]) -> Vec<Check> {
        if checks.len() > MOST {
            let what = format!("the host has {} health checks, but at most {MOST} are allowed", checks.len());
            self.reject("nixfleet.healthChecks", what, "combine several checks in one command");
        }
        let mut names = BTreeSet::new();
        let mut valid = Vec::new();
        for check in checks {
            let option = format!("nixfleet.healthChecks.{}", check.name);
            if !names.insert(&check.name) {
                self.reject(&option, format!("`{}` is defined twice", check.name), "");
            }
            valid.extend(self.health_check(&option, check));
        }
        valid.sort_by(|a, b| a.name.cmp(&b.name));
        valid
    }

    fn health_check(&mut self, option: &str, check: &HealthCheck) -> Option<Check> {
        let name = self.parse(option, &check.name);
        let probe = self.probe(option, check);
        let valid = Check {
            name: name?,
            probe: probe?,
            interval: check.interval,
            retries: check.retries,
            timeout: check.timeout,
            start_delay: check.start_delay,
            from: check.from,
            on_failure: check.on_failure,
        };
        if valid.timeout == 0 {
            self.reject(
                format!("{option}.timeout"),
                "the timeout of an attempt is zero",
                "set `timeout` to at least 1 second",
            );
        }
        if valid.limit() > Check::LONGEST {
            let what = format!(
                "this check could take {} s to fail, but a change waits for a check at most {} s",
                valid.limit().as_secs(),
                Check::LONGEST.as_secs()
            );
            self.reject(option, what, "reduce `timeout`, `interval` or `retries`");
        }
        Some(valid)
    }

    fn probe(&mut self, option: &str, check: &HealthCheck) -> Option<Probe> {
        match (&check.unit, &check.http, &check.tcp, &check.command) {
            (Some(unit), None, None, None) => {
                let unit = self.parse(format!("{option}.unit"), unit)?;
                Some(Probe::Unit { unit, stable_for: check.stable_for })
            }
            (None, Some(http), None, None) => self.http(&format!("{option}.http"), http),
            (None, None, Some(tcp), None) => {
                let good =
                    !tcp.host.is_empty() && !tcp.host.contains(|c: char| c.is_whitespace() || c.is_control());
                if !good || tcp.port == 0 || tcp.host.starts_with('-') {
                    let what =
                        format!("`{}` port {} is not a valid address", tcp.host.escape_debug(), tcp.port);
                    self.reject(format!("{option}.tcp"), what, "set a host and a port from 1 to 65535");
                    return None;
                }
                Some(Probe::Tcp { host: tcp.host.clone(), port: tcp.port })
            }
            (None, None, None, Some(command)) => {
                let program = command.first().map_or("", String::as_str);
                let _: AbsPath = self.parse(format!("{option}.command"), program)?;
                Some(Probe::Command { command: command.clone() })
            }
            _ => {
                self.reject(option, "exactly one of `unit`, `http`, `tcp` and `command` must be set", "");
                None
            }
        }
    }

    fn http(&mut self, option: &str, http: &HttpCheck) -> Option<Probe> {
        let url = self.parse(format!("{option}.url"), &http.url);
        let given = http.body_matches.as_ref();
        let body_matches = given.map(|pattern| self.parse(format!("{option}.bodyMatches"), pattern));
        self.headers(&format!("{option}.requestHeaders"), &http.request_headers);
        self.headers(&format!("{option}.responseHeaders"), &http.response_headers);
        if let Some(status) = http.status.filter(|status| !(100..600).contains(status)) {
            self.reject(format!("{option}.status"), format!("{status} is not an HTTP status code"), "");
        }
        Some(Probe::Http(Box::new(Http {
            url: url?,
            method: http.method,
            request_headers: http.request_headers.clone(),
            status: http.status,
            body_contains: http.body_contains.clone(),
            body_matches: body_matches.map_or(Some(None), |pattern| pattern.map(Some))?,
            response_headers: http.response_headers.clone(),
            max_redirects: http.max_redirects,
            verify_certificate: http.verify_certificate,
        })))
    }

    fn headers(&mut self, option: &str, headers: &BTreeMap<String, String>) {
        for (name, value) in headers {
            if name.parse::<HeaderName>().is_err() || value.parse::<HeaderValue>().is_err() {
                let what =
                    format!("`{}: {}` is not a valid HTTP header", name.escape_debug(), value.escape_debug());
                self.reject(option, what, "");
            }
        }
    }
}
