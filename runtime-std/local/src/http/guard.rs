//! Requests that another site makes a browser send are refused: a name that points here (DNS rebinding) and a page
//! elsewhere that posts here (CSRF).

use crate::request::{Request, Response};
use std::net::IpAddr;

/// Names under which the server may be addressed.
pub(crate) struct Guard {
    hosts: Vec<String>,
}

impl Guard {
    pub(crate) fn new(more: Vec<String>) -> Self {
        let mut hosts = vec!["localhost".to_owned()];
        hosts.extend(more.into_iter().map(|host| host.to_ascii_lowercase()));
        Self { hosts }
    }

    /// The refusal, if the request is one of those.
    pub(crate) fn check(&self, request: &Request) -> Option<Response> {
        let Some(host) = request.header("host") else {
            return Some(Response::error(400, "a Host header is needed"));
        };
        if !self.knows(host) {
            return Some(Response::error(403, "this server is not addressed by that name (Host header)"));
        }
        // Browsers say where a request comes from; other clients do not.
        let from = request.header("origin").filter(|origin| {
            let name = origin.split_once("://").map_or("", |(_, rest)| rest);
            !name.eq_ignore_ascii_case(host)
        });
        let site = request.header("sec-fetch-site").filter(|site| matches!(*site, "cross-site" | "same-site"));
        let navigates = request.header("sec-fetch-mode") == Some("navigate") && request.method == "GET";
        if from.is_some() || site.is_some_and(|_| !navigates) {
            return Some(Response::error(403, "requests from pages of other sites are refused"));
        }
        None
    }

    fn knows(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host.as_str(),
        };
        // A page elsewhere can make a name of its own point here, but not an address.
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
        address || self.hosts.iter().any(|known| known == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_names_and_its_own_pages() {
        let guard = Guard::new(vec!["box.local".into()]);
        let asked = |host: &str| Request { method: "GET".into(), ..Request::default() }.with("host", host);
        for good in ["localhost", "127.0.0.1:80", "LOCALHOST:1", "[::1]:8080", "[::1]", "192.168.0.7", "box.local"] {
            assert_eq!(guard.check(&asked(good)), None, "{good}");
        }
        for bad in ["evil.example", "127.0.0.1.evil.example", "localhost.evil:80", ""] {
            assert_eq!(guard.check(&asked(bad)).unwrap().status, 403, "{bad}");
        }
        assert_eq!(guard.check(&Request::default()).unwrap().status, 400);
        let here = || asked("localhost:8080");
        assert_eq!(guard.check(&here().with("origin", "http://localhost:8080")), None);
        assert!(guard.check(&here().with("origin", "http://localhost:9")).is_some());
        assert!(guard.check(&here().with("origin", "null")).is_some());
        assert!(guard.check(&here().with("sec-fetch-site", "cross-site")).is_some());
        let link = here().with("sec-fetch-site", "cross-site").with("sec-fetch-mode", "navigate");
        assert_eq!(guard.check(&link), None);
    }
}
