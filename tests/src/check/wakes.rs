//! L5: a tick before its time does nothing; one that is due brings output or a later wake; and a drained service wants
//! nothing for the past.

use runwire_core::service::ServiceOutput;
use runwire_core::{Instant, Wake};

use super::{Check, Moment};
use crate::sim::{Gift, Seen};

/// Due ticks in a row that bring nothing.
const IDLE_MAX: u32 = 3;

/// See above.
#[derive(Default)]
pub(super) struct Wakes {
    wake: Option<Wake>,
    tick_at: Option<Instant>,
    outputs: u32,
    idle: u32,
}

impl Check for Wakes {
    fn law(&self) -> &'static str {
        "L5-wakes"
    }

    fn see(&mut self, at: &Moment<'_>, seen: &Seen<'_>) -> Result<(), String> {
        match seen {
            Seen::Given { input, .. } => {
                self.tick_at = matches!(input, Gift::Tick).then_some(at.now);
                self.outputs = 0;
            }
            Seen::Output(ServiceOutput::Wait(_) | ServiceOutput::Finished) => {}
            Seen::Output(_) => self.outputs += 1,
            Seen::Drained(wake) => {
                let before = std::mem::replace(&mut self.wake, *wake);
                let Some(tick) = self.tick_at.take() else { return Ok(()) };
                let due = before.is_some_and(|before| before.at <= tick);
                if !due && (self.outputs > 0 || before.map(|w| w.at) != wake.map(|w| w.at)) {
                    return Err(format!(
                        "a tick at {tick} before {before:?} brings {} outputs and {wake:?}",
                        self.outputs
                    ));
                }
                let moved = self.outputs > 0 || before.map(|w| w.at) != wake.map(|w| w.at);
                self.idle = if due && !moved { self.idle + 1 } else { 0 };
                if self.idle >= IDLE_MAX {
                    return Err(format!("{IDLE_MAX} due ticks bring nothing: {wake:?}"));
                }
            }
            Seen::Crashed { .. } => *self = Wakes::default(),
            _ => {}
        }
        Ok(())
    }
}
