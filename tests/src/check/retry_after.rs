//! A server that asks to be left alone for a time is left alone for that time.

use std::collections::BTreeMap;
use std::time::Duration;

use runwire_core::net::Purpose;
use runwire_core::{Completion, Effect, Instant, StreamKey};

use super::{Check, Moment};
use crate::sim::{Fault, Gift, Place, Seen};

/// The same question of the same run: which requests of it are meant.
type Question = (u64, StreamKey, Purpose, String);

/// See above.
#[derive(Default)]
pub(super) struct RetryAfter {
    asked: BTreeMap<Place, Question>,
    not_before: BTreeMap<Question, Instant>,
}

impl Check for RetryAfter {
    fn law(&self) -> &'static str {
        "retry-after"
    }

    fn see(&mut self, at: &Moment<'_>, seen: &Seen<'_>) -> Result<(), String> {
        // Whoever's clock goes back waits by that clock.
        if at.plan.weights.of(Fault::ClockBack) > 0 {
            return Ok(());
        }
        match seen {
            Seen::Ordered { place, effect: Effect::Http(request) } => {
                // Files go to addresses of their own; what is asked of a stream or by a query has one.
                let question = (place.life, place.key, request.purpose, request.shown_url());
                if let Some(until) = self.not_before.get(&question).filter(|until| at.now < **until) {
                    return Err(format!("{} asks {:?} again before {until}", place.key, request.purpose));
                }
                self.asked.insert(*place, question);
            }
            Seen::Given { input: Gift::Completed(place, Completion::Http(response)), outcome: Ok(()) } => {
                let Some(question) = self.asked.remove(place) else { return Ok(()) };
                let seconds = response.header("retry-after").and_then(|text| text.parse::<f64>().ok());
                if let Some(seconds) = seconds.filter(|_| response.status == 429 || response.status >= 500) {
                    self.not_before.insert(question, at.now.after(Duration::from_secs_f64(seconds)));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
