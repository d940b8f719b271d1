//! The parts of a request that do not depend on who sends it: which headers go along, what a redirect means, what a body is,
//! where an answer is saved, which certificates are trusted, and what an error means, in words that hold no secret.

mod body;
mod failure;
pub mod proxy;
pub mod redirect;
mod save;
mod tls;
mod unpack;

pub use body::{Exactly, Outgoing, gzipped, head};
pub use failure::{Local, local, of_file, of_tls, refused};
pub use save::Saving;
pub use tls::system_roots;
pub use unpack::Unpack;

use std::time::Duration;

/// Redirects that are followed.
pub const REDIRECTS_MAX: usize = 10;
/// Bound of making a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// A transfer without a bound of its own fails when the other side is silent for so long.
pub const SILENCE_MAX: Duration = Duration::from_secs(300);
/// How long a connection is kept without use: less than servers and their proxies do, so that few are found closed.
pub const IDLE_MAX: Duration = Duration::from_secs(30);
/// Rest of an answer that is read so that the connection can be used again.
pub const DRAINED_BYTES_MAX: u64 = 1 << 20;
