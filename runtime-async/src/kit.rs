//! The loop with a double in place of the service and of the world, for the adapter conformance kit.

use crate::{driver::Driver, executor::Executor, http::Client, notes::Notes, serve::listen};
use runwire_core::{Completion, Effect, net::HttpRequest, service::Machine};
use runwire_effects::{
    Clock,
    debug_log::{CoreLog, Level},
    rendezvous::Door,
};
use std::{io, sync::Arc};

/// Drives what `make` makes until it has finished. Effects are what `perform` says, in the blocking pool.
pub async fn drive<E: Executor, M: Machine>(
    executor: E,
    make: impl FnOnce(&Clock) -> M,
    perform: Arc<dyn Fn(Effect) -> Completion + Send + Sync>,
    doors: Vec<Door>,
) -> io::Result<()> {
    let pool = executor.clone();
    let notes = Notes::begin(&executor, CoreLog::open_in(Level::Error, None), Level::Error);
    let perform = Arc::new(move |_, effect| {
        let perform = Arc::clone(&perform);
        Box::pin(pool.unblock(move || perform(effect))) as _
    });
    let driver = Driver::new(executor.clone(), make, perform, notes, |_| {});
    listen(driver, &executor, doors, async { Ok(()) }).await?.await;
    Ok(())
}

/// A client for requests, with the connections that it keeps.
pub struct Requests<E>(Client<E>);

impl<E: Executor> Requests<E> {
    /// A client without connections.
    pub fn new(executor: E) -> Self {
        Requests(Client::new(executor))
    }

    /// One attempt.
    pub async fn perform(&self, request: HttpRequest) -> Completion {
        self.0.perform(request).await
    }
}
