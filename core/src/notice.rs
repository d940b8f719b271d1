//! What the core has to tell its operators: lines of the run's debug log.

use alloc::string::String;
use core::fmt;

/// How much a notice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// One line for the debug log. Never holds a secret or a value that a user logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its weight.
    pub level: Level,
    /// The text.
    pub message: String,
}

impl Notice {
    /// A notice for the record of what happened.
    pub fn info(message: impl Into<String>) -> Self {
        Notice { level: Level::Info, message: message.into() }
    }

    /// A notice that something was lost or odd and the run goes on.
    pub fn warn(message: impl Into<String>) -> Self {
        Notice { level: Level::Warn, message: message.into() }
    }

    /// A notice that something failed.
    pub fn error(message: impl Into<String>) -> Self {
        Notice { level: Level::Error, message: message.into() }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.level, self.message)
    }
}
