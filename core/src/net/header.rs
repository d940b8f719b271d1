//! One header of a request.

use super::secret::Secret;
use alloc::string::String;

/// A header. Its value is kept from traces, because a user's own headers often carry credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name, as it goes on the wire.
    pub name: String,
    /// Its value.
    pub value: Secret,
}

impl Header {
    /// A header.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Header { name: name.into(), value: Secret::new(value) }
    }

    /// Whether this is the header called `name`.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}
