//! The loop with a double in place of the service and of the world, for the adapter conformance kit.

use crate::{driver::Driver, http, inbox::Inbox};
use runwire_core::{Completion, Effect, net::HttpRequest, service::Machine};
use runwire_effects::{
    Clock,
    debug_log::{CoreLog, Level},
    rendezvous::Door,
};
use std::{io, sync::Arc};

/// Drives what `make` makes until it has finished. Effects are what `perform` says, on threads of their own.
pub fn drive<M: Machine>(
    make: impl FnOnce(&Clock) -> M,
    perform: Arc<dyn Fn(Effect) -> Completion + Send + Sync>,
    doors: Vec<Door>,
) -> io::Result<()> {
    let log = CoreLog::open_in(Level::Error, None);
    let perform = Arc::new(move |_: &_, effect| perform(effect));
    let mut driver = Driver::that(make, perform, log, Level::Error, Inbox::new()?);
    driver.listen(doors, Box::new(|| {}))?;
    driver.run()
}

/// One attempt of a request.
pub fn request(request: &HttpRequest) -> Completion {
    http::perform(request)
}
