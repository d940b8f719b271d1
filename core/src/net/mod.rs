//! Talking to a server, as data: what a request is, which answers are tried again and when, and how a run's own traffic
//! is addressed and signed.
//!
//! Nothing here opens a socket. A machine that wants something from the server owns one `Call` for each thing it wants;
//! the call says when to send, and what an answer means. Machines differ in what they ask, never in how they retry.

mod call;
pub(crate) mod credentials;
pub(crate) mod graphql;
mod header;
mod link;
mod policy;
mod request;
mod secret;
mod verdict;

pub(crate) use call::{Call, CallError, Step, in_seconds};
pub use header::Header;
pub(crate) use link::Link;
pub use link::base64;
pub(crate) use policy::{Policies, Policy};
pub use request::{Body, HttpRequest, HttpResponse, Method, Purpose, Wire};
pub use secret::Secret;
pub(crate) use verdict::{Class, Outcome};
