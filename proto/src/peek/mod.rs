//! Reading just enough of a message to route it, without decoding it and without allocating.
//!
//! Owns the field scanner and the few fields of the hot path: what a [`ServerRequest`](crate::wire::ServerRequest) and a
//! [`Record`](crate::wire::Record) carry, and the items of one logged step. It must not know what is done with them.
//!
//! What a peek tells is what decoding with prost would tell. Where that cannot be had by a single scan (the same
//! sub-message twice in a row, which decoding would merge; groups, which no W&B message uses) the answer is
//! [`PeekError::Unusual`]: decode the message instead. Fields that a peek looks at are checked as strictly as by prost;
//! the inside of a `body` is not looked at.
mod envelope;
mod fields;
mod history;

pub use envelope::{RecordPeek, ServerRequestPeek, record, server_request};
pub use fields::{Field, Fields, Value};
pub use history::{Item, Nested, PartialHistory, Typed};

/// Field numbers of [`ServerRequest`](crate::wire::ServerRequest)'s oneof that the hot path names.
pub mod server_request_kind {
    /// `record_publish`: a record, no answer expected.
    pub const RECORD_PUBLISH: u32 = 1;
    /// `record_communicate`: a record whose answer goes to its mailbox slot.
    pub const RECORD_COMMUNICATE: u32 = 2;
}

/// Field numbers of [`Record`](crate::wire::Record)'s oneof that the hot path names.
pub mod record_kind {
    /// `history`
    pub const HISTORY: u32 = 2;
    /// `summary`
    pub const SUMMARY: u32 = 3;
    /// `output_raw`
    pub const OUTPUT_RAW: u32 = 13;
    /// `run`
    pub const RUN: u32 = 17;
    /// `exit`
    pub const EXIT: u32 = 18;
    /// `header`
    pub const HEADER: u32 = 21;
    /// `request`: not stored in a log.
    pub const REQUEST: u32 = 100;
}

/// Field numbers of [`Request`](crate::wire::Request)'s oneof that the hot path names.
pub mod request_kind {
    /// `partial_history`
    pub const PARTIAL_HISTORY: u32 = 10;
}

/// Why a peek gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeekError {
    /// The bytes are no sequence of fields: the message was damaged or cut on its way. Drop it.
    #[error("not a protobuf message: a field is cut short or its key is invalid; send the message again")]
    Malformed,
    /// A known field has another wire type than the schema says. Decoding would refuse it too.
    #[error("field {number} has the wrong wire type: the sender uses another schema, update it")]
    WrongType {
        /// The field's number.
        number: u32,
    },
    /// A string is not UTF-8. Decoding would refuse it too.
    #[error("field {number} must be UTF-8 text but is not: fix the text where it is made")]
    NotUtf8 {
        /// The field's number.
        number: u32,
    },
    /// Legal, but only a full decode gives the right answer.
    #[error("the message is encoded in an unusual way: decode it in full")]
    Unusual,
}

fn text(number: u32, bytes: &[u8]) -> Result<&str, PeekError> {
    core::str::from_utf8(bytes).map_err(|_| PeekError::NotUtf8 { number })
}

/// `None` for the empty string, which proto3 cannot tell from an absent one.
fn non_empty(text: &str) -> Option<&str> {
    if text.is_empty() { None } else { Some(text) }
}
