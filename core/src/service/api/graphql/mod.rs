//! Queries as trees, for servers that are older than a client: what such a server does not know is taken out of the text.
//!
//! Owns: reading the executable part of the GraphQL language, leaving things out of it, writing it again. It knows no
//! schema, no server and no request. A text that nothing is taken out of never comes here: it is sent as it is.

mod lex;
mod parse;
mod print;
mod rewrite;
mod tree;

#[cfg(test)]
mod proptests;
#[cfg(test)]
mod tests;

pub(super) use rewrite::{Rules, rewrite};

use core::fmt;

/// Why a text can't be rewritten.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum GraphqlError {
    /// It is not a GraphQL document.
    #[error("parse: {place}: {what}")]
    Syntax {
        /// Where.
        place: Place,
        /// What is wrong there.
        what: alloc::string::String,
    },
    /// All of it would be taken out.
    #[error("nothing of the query is left for this server; ask for something that it knows")]
    Emptied,
}

/// A place in a text, counted from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    line: usize,
    column: usize,
}

impl Place {
    fn of(text: &str, at: usize) -> Place {
        let before = text.get(..at).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// The name of the only operation of a document; `None` if it has none, or if there are several or it can't be read.
pub(super) fn operation_name(text: &str) -> Option<&str> {
    let document = parse::document(text).ok()?;
    let mut operations = document.definitions.iter().filter_map(|definition| match definition {
        tree::Definition::Operation(operation) => Some(operation),
        tree::Definition::Fragment(_) => None,
    });
    let only = operations.next()?;
    if operations.next().is_some() { None } else { only.name }
}
