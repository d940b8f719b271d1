//! What can go wrong while measuring.

use std::path::PathBuf;

/// Why a measurement could not be made. The benchmark stops at the first one: a table with holes would mislead.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// An operating-system call failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// The system's own error.
        source: std::io::Error,
    },
    /// An argument is unknown or has no value.
    #[error("{0}\n\n{usage}", usage = super::options::USAGE)]
    Usage(String),
    /// A sidecar's program is not where it was looked for.
    #[error("no program at {path}; {hint}")]
    NoProgram {
        /// Where it was looked for.
        path: PathBuf,
        /// What the user can do.
        hint: &'static str,
    },
    /// The sidecar died, hung, or broke the protocol.
    #[error("{program}: {what}")]
    Sidecar {
        /// Which program.
        program: String,
        /// What it did.
        what: String,
    },
    /// An answer did not come, or was not the expected one.
    #[error("waiting for {what}: {why}")]
    Answer {
        /// Which answer.
        what: &'static str,
        /// What came instead.
        why: String,
    },
    /// The Python helper failed.
    #[error("the Python helper failed: {0}; check --python (it needs the official package)")]
    Python(String),
}

/// Shorthand of this module tree.
pub type Result<T> = std::result::Result<T, BenchError>;

/// Adds to an I/O error what was being done.
pub trait Doing<T> {
    /// `what` is a short phrase in the -ing form.
    fn doing(self, what: impl Into<String>) -> Result<T>;
}

impl<T> Doing<T> for std::io::Result<T> {
    fn doing(self, what: impl Into<String>) -> Result<T> {
        self.map_err(|source| BenchError::Io { what: what.into(), source })
    }
}
