//! What an error in the middle of a request means, in words that hold no secret.

use crate::disk;
use runwire_core::{Failure, FailureKind, net::HttpRequest};
use std::{error::Error, fmt, io};

/// The request can't be made at all.
pub fn refused(request: &HttpRequest, why: &dyn fmt::Display) -> Failure {
    Failure { kind: FailureKind::BadRequest, message: format!("{} can't be asked: {why}", request.shown_url()) }
}

/// An error of a file on this machine.
pub fn of_file(path: &str, error: &io::Error) -> Failure {
    let known = disk::failure(error);
    Failure { message: format!("{path}: {}", known.message), ..known }
}

/// An error of this machine that comes to light in the middle of a request.
#[derive(Debug)]
pub struct Local(Failure);

impl Local {
    /// Says of an error which file it is about.
    pub fn wrap(path: &str, error: io::Error) -> io::Error {
        io::Error::other(Local(of_file(path, &error)))
    }
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl Error for Local {}

/// The failure that [`Local`] put into an error.
pub fn local<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Failure> {
    error.downcast_ref::<Local>().map(|Local(failure)| failure)
}

/// The class of an error of TLS.
#[allow(clippy::wildcard_enum_match_arm)]
pub fn of_tls(error: &rustls::Error) -> FailureKind {
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => FailureKind::Certificate,
        // The library's errors are open.
        _ => FailureKind::Unreachable,
    }
}
