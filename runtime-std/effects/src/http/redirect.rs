//! Where an answer points to, if the same request may be made there.

use http::{Response, Uri};
use runwire_core::net::Method;

/// The next address, if the answer is a redirect that keeps method and body.
pub fn next<B>(method: Method, response: &Response<B>, from: &Uri) -> Option<Uri> {
    let followed = match response.status().as_u16() {
        307 | 308 => true,
        301..=303 => method == Method::Get,
        _ => false,
    };
    let location = response.headers().get("location").filter(|_| followed)?.to_str().ok()?;
    resolve(location.trim(), from).filter(is_usable)
}

/// Whether a request can be made to `url` at all.
pub fn is_usable(url: &Uri) -> bool {
    matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some_and(|host| !host.is_empty())
}

/// What must be the same for credentials to be sent along.
pub fn origin(url: &Uri) -> (Option<&str>, Option<&str>) {
    (url.scheme_str(), url.authority().map(http::uri::Authority::as_str))
}

fn resolve(location: &str, from: &Uri) -> Option<Uri> {
    let (scheme, authority) = (from.scheme_str()?, from.authority()?);
    let has_scheme = location.split_once(':').is_some_and(|(name, _)| !name.contains(['/', '?', '#']));
    let absolute = if has_scheme {
        location.to_string()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else if location.starts_with('?') {
        format!("{scheme}://{authority}{}{location}", from.path())
    } else {
        let folder = from.path().rfind('/').map_or("/", |slash| &from.path()[..=slash]);
        format!("{scheme}://{authority}{folder}{location}")
    };
    absolute.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(location: &str) -> Option<String> {
        let response = Response::builder().status(307).header("Location", location).body(()).unwrap();
        next(Method::Put, &response, &"https://h:1/a/b?q".parse().unwrap()).map(|url| url.to_string())
    }

    #[test]
    fn a_location_may_be_relative() {
        let cases = [
            ("http://g/x", "http://g/x"),
            ("//g/x", "https://g/x"),
            ("/x?y", "https://h:1/x?y"),
            ("?y", "https://h:1/a/b?y"),
            ("x", "https://h:1/a/x"),
            ("/x#part", "https://h:1/x"),
        ];
        for (location, expected) in cases {
            assert_eq!(to(location).as_deref(), Some(expected), "{location}");
        }
        assert_eq!((to("ftp://g/x"), to("http://"), to("mailto:x")), (None, None, None));
    }

    #[test]
    fn a_redirect_that_would_lose_the_body_is_an_answer() {
        let from: Uri = "http://h/".parse().unwrap();
        let response = |status| Response::builder().status(status).header("Location", "/x").body(()).unwrap();
        assert!(next(Method::Post, &response(302), &from).is_none());
        assert!(next(Method::Get, &response(302), &from).is_some());
        assert!(next(Method::Post, &response(308), &from).is_some());
        assert!(next(Method::Get, &response(200), &from).is_none());
    }
}
