//! Every request that wants an answer gets one, once; and nothing is sent to who is gone.

use std::collections::BTreeSet;

use runwire_core::ClientId;
use runwire_core::service::ServiceOutput;

use super::{Check, Moment};
use crate::sim::Seen;

/// See above.
#[derive(Default)]
pub(super) struct Answers {
    closed: BTreeSet<ClientId>,
    answered: BTreeSet<(ClientId, String)>,
}

impl Check for Answers {
    fn law(&self) -> &'static str {
        "answers"
    }

    fn see(&mut self, _at: &Moment<'_>, seen: &Seen<'_>) -> Result<(), String> {
        match seen {
            Seen::Answered { client, id, .. } if !id.is_empty() => {
                if !self.answered.insert((*client, (*id).to_owned())) {
                    return Err(format!("{client}: {id} is answered twice"));
                }
            }
            Seen::Output(ServiceOutput::Send(client, _)) if self.closed.contains(client) => {
                return Err(format!("{client} is gone, and an answer is sent to it"));
            }
            Seen::Output(ServiceOutput::Close(client)) => {
                if !self.closed.insert(*client) {
                    return Err(format!("{client} is closed twice"));
                }
            }
            Seen::Lost(client) => drop(self.closed.insert(*client)),
            _ => {}
        }
        Ok(())
    }
}
