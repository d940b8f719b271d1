//! What an error of the library means, in words that hold no secret.

use runwire_core::{Failure, FailureKind, net::HttpRequest};
use runwire_effects::http::{local, of_tls};
use std::{error::Error, io, iter::successors};

/// No answer within the bound.
pub(super) fn timed_out(request: &HttpRequest) -> Failure {
    Failure { kind: FailureKind::TimedOut, message: format!("{}: no answer in time", request.shown_url()) }
}

/// The class of an error, and words for it: those of what caused it.
pub(super) fn failed(request: &HttpRequest, error: &(dyn Error + 'static)) -> Failure {
    let chain: Vec<&(dyn Error + 'static)> = successors(Some(error), |error| cause(*error)).collect();
    if let Some(failure) = chain.iter().find_map(|error| local(*error)) {
        return failure.clone();
    }
    let tls = chain.iter().find_map(|error| error.downcast_ref::<rustls::Error>()).map(of_tls);
    let io = chain.iter().filter_map(|error| error.downcast_ref::<io::Error>());
    let timed_out = io.map(io::Error::kind).any(|kind| kind == io::ErrorKind::TimedOut);
    let kind = tls.unwrap_or(if timed_out { FailureKind::TimedOut } else { FailureKind::Unreachable });
    let cause = chain.last().map_or_else(String::new, ToString::to_string);
    Failure { kind, message: format!("{}: {cause}", request.shown_url()) }
}

/// What an error comes from. What an I/O error was made from is not its source.
fn cause<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}
