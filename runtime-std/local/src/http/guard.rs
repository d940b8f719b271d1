//! Requests that another site makes a browser send are refused: a name that points here (DNS rebinding) and a page
//! elsewhere that posts here (CSRF). Pages of origins that the user has named are let in, by the rules of browsers (CORS).

use crate::request::{Request, Response};
use std::net::IpAddr;

/// Names under which the server may be addressed.
pub(crate) struct Guard {
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Guard {
    pub(crate) fn new(more: Vec<String>, origins: Vec<String>) -> Self {
        let mut hosts = vec!["localhost".to_owned()];
        hosts.extend(more.into_iter().map(|host| host.to_ascii_lowercase()));
        let origins = origins.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()).collect();
        Self { hosts, origins }
    }

    /// The refusal, if the request is one of those.
    pub(crate) fn check(&self, request: &Request) -> Option<Response> {
        let Some(host) = request.header("host") else {
            return Some(Response::error(400, "a Host header is needed"));
        };
        if !self.knows(host) {
            return Some(Response::error(403, "this server is not addressed by that name (Host header)"));
        }
        if self.welcomed(request).is_some() {
            return None;
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

    /// The answer to a browser that asks whether a page elsewhere may ask, if it may.
    pub(crate) fn preflight(&self, request: &Request) -> Option<Response> {
        let asks = request.method == "OPTIONS" && request.header("access-control-request-method").is_some();
        self.welcomed(request).filter(|_| asks)?;
        let wanted = request.header("access-control-request-headers").unwrap_or_default();
        let answer = Response { status: 204, ..Response::default() }
            .with("Access-Control-Allow-Methods", "GET, POST, PUT")
            .with("Access-Control-Allow-Headers", wanted)
            .with("Access-Control-Allow-Private-Network", "true")
            .with("Access-Control-Max-Age", "600");
        Some(answer)
    }

    /// The answer as the page that asked may read it.
    pub(crate) fn readable(&self, request: &Request, response: Response) -> Response {
        match self.welcomed(request) {
            Some(origin) => response
                .with("Access-Control-Allow-Origin", origin)
                .with("Access-Control-Expose-Headers", "*")
                .with("Vary", "Origin"),
            None => response,
        }
    }

    /// The origin of the page that asks, if it is one of those that the user has named.
    fn welcomed<'a>(&self, request: &'a Request) -> Option<&'a str> {
        request.header("origin").filter(|origin| self.origins.iter().any(|known| known.eq_ignore_ascii_case(origin)))
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
        let guard = Guard::new(vec!["box.local".into()], Vec::new());
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

    #[test]
    fn pages_of_named_origins_only_and_still_by_its_own_names_only() {
        let guard = Guard::new(Vec::new(), vec!["http://localhost:5173/".into()]);
        let asked = |origin: &str| Request { method: "POST".into(), ..Request::default() }.with("origin", origin);
        let mine = || asked("http://localhost:5173").with("sec-fetch-site", "same-site");
        assert_eq!(guard.check(&mine().with("host", "127.0.0.1:8810")), None);
        assert_eq!(guard.check(&mine().with("host", "evil.example")).unwrap().status, 403, "a name that points here");
        for other in ["http://localhost:5174", "https://localhost:5173", "http://localhost:5173.evil.example", "null"] {
            assert_eq!(guard.check(&asked(other).with("host", "127.0.0.1:8810")).unwrap().status, 403, "{other}");
            assert_eq!(guard.readable(&asked(other), Response::default()), Response::default(), "{other}");
        }
        let header = |response: &Response, name: &str| {
            response.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        let answer = guard.readable(&mine(), Response::default());
        assert_eq!(header(&answer, "Access-Control-Allow-Origin").as_deref(), Some("http://localhost:5173"));
        let mut question = mine().with("access-control-request-method", "PUT");
        assert_eq!(guard.preflight(&question), None, "not a question of the browser");
        question.method = "OPTIONS".into();
        let question = question.with("access-control-request-headers", "authorization");
        let answer = guard.preflight(&question).unwrap();
        assert_eq!(header(&answer, "Access-Control-Allow-Headers").as_deref(), Some("authorization"));
    }
}
