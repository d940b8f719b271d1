//! The browser runtime of Runwire: a run in a web page, with its log in IndexedDB.
//!
//! [`Pump`] is the loop and knows no browser; the rest is the browser: `host` names what `js/host.js` can do, `page` performs
//! effects with it, `client` speaks to the service, `run` and `recover` are what JavaScript sees. Nothing here decides when
//! to send again, in which order or how much at a time.

mod clock;
mod pump;

#[cfg(target_arch = "wasm32")]
mod client;
#[cfg(target_arch = "wasm32")]
mod host;
#[cfg(target_arch = "wasm32")]
mod options;
#[cfg(target_arch = "wasm32")]
mod page;
#[cfg(target_arch = "wasm32")]
mod recover;
#[cfg(target_arch = "wasm32")]
mod run;
#[cfg(target_arch = "wasm32")]
mod stored;

pub use clock::Clock;
pub use pump::{Next, Pump, World};
pub use runwire_core as core;

#[cfg(target_arch = "wasm32")]
pub use {
    recover::{delete_log, logs, read_log, recover},
    run::Run,
};
