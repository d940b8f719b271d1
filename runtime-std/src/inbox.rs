//! What other threads have for the driver: outcomes of effects, bytes of clients in this process, orders to stop.

use bytes::Bytes;
use polling::{AsRawSource, Event as Interest, PollMode, Poller};
use runwire_core::{
    ClientId,
    service::{ServiceInput, StopReason},
};
use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// The receiving side of a client that lives in this process.
pub(crate) trait LocalSink: Send + Sync {
    /// Bytes of answers, in order.
    fn receive(&self, bytes: Bytes);
    /// Whether the service takes requests now.
    fn pause(&self, paused: bool);
    /// The connection is over.
    fn closed(&self);
}

pub(crate) enum Event {
    Input(ServiceInput),
    Connect(ClientId, Arc<dyn LocalSink>),
    Stop(StopReason),
}

/// A queue that wakes the driver.
pub(crate) struct Inbox {
    poller: Poller,
    events: Mutex<Vec<Event>>,
    /// Whether the driver has been woken for what is in the queue.
    notified: AtomicBool,
}

impl Inbox {
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        Ok(Arc::new(Inbox { poller: Poller::new()?, events: Mutex::default(), notified: AtomicBool::new(false) }))
    }

    pub(crate) fn poller(&self) -> &Poller {
        &self.poller
    }

    pub(crate) fn push(&self, event: Event) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        if !self.notified.swap(true, Ordering::AcqRel) {
            // Fails only if the poller itself is broken, and then the driver's own wait reports it.
            let _ = self.poller.notify();
        }
    }

    /// Whether something came since the last [`Inbox::take`].
    pub(crate) fn has_more(&self) -> bool {
        self.notified.load(Ordering::Acquire)
    }

    pub(crate) fn take(&self) -> Vec<Event> {
        self.notified.store(false, Ordering::Release);
        std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Watches a source until [`Poller::delete`], level-triggered.
    pub(crate) fn add(&self, source: impl AsRawSource, interest: Interest) -> io::Result<()> {
        // SAFETY: the driver owns every source and takes it out of the poller before it drops it
        // (`Driver::drop_peer`, and where its listeners are cleared).
        unsafe { self.poller.add_with_mode(source, interest, PollMode::Level) }
    }
}
