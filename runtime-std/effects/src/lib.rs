//! What every runtime on an operating system does alike, as blocking functions: effects on files, measurements of the
//! machine, debug logs, the folders of runs, the way clients find a service, and the parts of a request that do not depend
//! on who sends it.
//!
//! It performs and never decides: when anything here is called is the core's business, and on which thread or in which pool
//! the runtime's. It knows no loop, no socket in use and no executor.
#![forbid(unsafe_code)]

pub mod clock;
pub mod debug_log;
pub mod disk;
pub mod environment;
pub mod http;
pub mod rendezvous;
mod run_error;
mod run_options;
pub mod system;
mod tail;

pub use clock::Clock;
pub use run_error::{FinishReport, RunError};
pub use run_options::{Place, RunOptions};
