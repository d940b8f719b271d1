//! The parser of requests, for whoever wants to feed it with bytes.

use crate::{
    http::wire::{self, Stop},
    request::Request,
};
use std::io;

/// Bytes of a body.
const BODY_MAX: usize = 1 << 20;

/// The requests that a connection with these bytes consists of, up to the first that is none. A refusal is of bounded size.
pub fn requests(data: &[u8]) -> Vec<Request> {
    let mut from = io::Cursor::new(data);
    let mut found = Vec::new();
    loop {
        let before = from.position();
        match wire::read(&mut from, &mut io::sink(), BODY_MAX) {
            Ok(incoming) => found.push(incoming.request),
            Err(Stop::Refused(response)) => {
                assert!((400..600).contains(&response.status) && response.body.len() < 1 << 16);
                return found;
            }
            Err(Stop::Closed) => return found,
        }
        assert!(from.position() > before, "a request has bytes");
    }
}
