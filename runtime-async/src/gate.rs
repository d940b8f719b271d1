//! A gate that is open or shut, and tasks that wait before it.

use event_listener::Event;
use std::sync::atomic::{AtomicBool, Ordering};

/// Open at first.
#[derive(Default)]
pub(crate) struct Gate {
    shut: AtomicBool,
    opened: Event,
}

impl Gate {
    pub(crate) fn set_open(&self, open: bool) {
        self.shut.store(!open, Ordering::Release);
        if open {
            self.opened.notify(usize::MAX);
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.shut.load(Ordering::Acquire)
    }

    /// Is ready when the gate is open.
    pub(crate) async fn passed(&self) {
        while !self.is_open() {
            let opened = self.opened.listen();
            // It may have been opened before we listened.
            if !self.is_open() {
                opened.await;
            }
        }
    }
}
