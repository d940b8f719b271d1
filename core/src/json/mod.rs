//! Extended JSON: the JSON of the wire, which also has the bare tokens `NaN`, `Infinity` and `-Infinity`.
//!
//! Owns: checking a text, telling what it is, walking through objects, writing strings and numbers. A text is never
//! turned into a tree: values are passed on as the text they came as. It knows nothing of runs, keys of metrics, or
//! messages. Depth is bounded by [`MAX_DEPTH`] and nothing here recurses, so no text can exhaust the stack.

mod scan;
mod shorten;
mod walk;
mod write;

#[cfg(test)]
mod tests;

pub use scan::MAX_DEPTH;
pub use shorten::shorten;
pub use walk::{Event, Key, Members, Walk};
pub use write::{Out, unescape, write_compact, write_f64, write_i64, write_number, write_string};

/// Why a text is not extended JSON. Positions are byte offsets into the text that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The text stops in the middle of a value, or is empty.
    #[error("the JSON text ends too early; send one whole JSON value")]
    Ended,
    /// A byte that JSON does not allow at this place.
    #[error("unexpected byte at offset {at} of the JSON text; send one valid JSON value")]
    Unexpected {
        /// Offset of the byte.
        at: usize,
    },
    /// More than [`MAX_DEPTH`] containers inside each other.
    #[error("the JSON text nests deeper than {MAX_DEPTH} levels; send a flatter value")]
    TooDeep,
}

/// What a JSON text is. Numbers carry their value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number without fraction and exponent that fits 64 bits (`-0` is not one of them: it is a float).
    Int(i64),
    /// Any other number, with the tokens `NaN`, `Infinity`, `-Infinity`, and integers out of the range of [`Kind::Int`].
    Float(f64),
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// One JSON value that has been checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Value<'a> {
    /// What it is.
    pub kind: Kind,
    /// The text without white space around it.
    pub text: &'a str,
    /// True if there is no white space between the tokens either.
    pub compact: bool,
}

/// Checks a whole text and says what it is.
pub fn parse(text: &str) -> Result<Value<'_>, JsonError> {
    let mut scanner = scan::Scanner::new(text, 0);
    let value = scanner.value()?;
    scanner.skip_space();
    match scanner.peek() {
        None => Ok(value),
        Some(_) => Err(JsonError::Unexpected { at: scanner.pos() }),
    }
}

/// Like [`parse`], for callers that need the kind alone.
pub fn classify(text: &str) -> Result<Kind, JsonError> {
    parse(text).map(|value| value.kind)
}
