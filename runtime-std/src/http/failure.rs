//! What an error of the transport means, in words that hold no secret.

use runwire_core::{Failure, FailureKind, net::HttpRequest};
use runwire_effects::http::{local, of_tls};
use std::io;

/// The class of an error, and words for it.
#[allow(clippy::wildcard_enum_match_arm)]
pub(super) fn failed(request: &HttpRequest, error: &ureq::Error) -> Failure {
    let (kind, why) = match error {
        ureq::Error::Io(error) => return broken(request, error),
        // Both name what they can't take with its content.
        ureq::Error::Http(_) => (FailureKind::BadRequest, "a header or the address is not valid".into()),
        ureq::Error::BadUri(_) => (FailureKind::BadRequest, "the address is not valid".into()),
        ureq::Error::InvalidProxyUrl => (FailureKind::BadRequest, "the address of the proxy is not valid".into()),
        ureq::Error::Tls(why) => (FailureKind::BadRequest, (*why).to_string()),
        ureq::Error::Timeout(_) => (FailureKind::TimedOut, "no answer in time".into()),
        ureq::Error::HostNotFound => (FailureKind::Unreachable, "its name is not known".into()),
        ureq::Error::Rustls(error) => (of_tls(error), error.to_string()),
        ureq::Error::ConnectProxyFailed(why) => (FailureKind::Unreachable, why.clone()),
        // The library's errors are open.
        other => (FailureKind::Unreachable, other.to_string()),
    };
    Failure { kind, message: format!("{}: {why}", request.shown_url()) }
}

/// A connection that broke. What the library or this crate put into the error counts before its kind.
#[allow(clippy::wildcard_enum_match_arm)]
pub(super) fn broken(request: &HttpRequest, error: &io::Error) -> Failure {
    if let Some(inner) = error.get_ref() {
        if let Some(failure) = local(inner) {
            return failure.clone();
        }
        if let Some(inner) = inner.downcast_ref::<ureq::Error>() {
            return failed(request, inner);
        }
        if let Some(inner) = inner.downcast_ref::<io::Error>() {
            return broken(request, inner);
        }
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return Failure { kind: of_tls(tls), message: format!("{}: {tls}", request.shown_url()) };
        }
    }
    let kind = match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => FailureKind::TimedOut,
        _ => FailureKind::Unreachable,
    };
    Failure { kind, message: format!("{}: {error}", request.shown_url()) }
}
