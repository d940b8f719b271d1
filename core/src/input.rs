//! What may happen to an engine: one closed list.

use crate::{
    completion::Completion,
    id::{ClientId, EffectId, Ticket},
};
use bytes::Bytes;

/// One event. Each is given with the time at which it happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A serialised `wandb_internal.Record`.
    Record {
        /// Who sent it.
        client: ClientId,
        /// Set if the sender waits for an answer; answered by [`crate::Output::Reply`] exactly once.
        ticket: Option<Ticket>,
        /// The message.
        record: Bytes,
    },
    /// The outcome of an effect.
    Completed(EffectId, Completion),
    /// An effect that takes long is under way and moves on: bytes of a file that is sent were taken. Nobody has to say so,
    /// but the end of a run waits no longer for a transfer of which nothing is heard.
    Moving(EffectId),
    /// Time has passed; wanted when [`crate::Output::Wait`] says so, harmless at any other time.
    Tick,
    /// Nobody waits for this answer any more.
    Cancelled(Ticket),
    /// The client is gone; long polls of it are over. Its records stay, and so does its wait for the end of the run.
    ClientGone(ClientId),
    /// End the run: no more records come.
    Close(CloseReason),
}

/// How a run is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The client said that it is done (`inform_finish`). Without an exit record before, none is made up.
    Finish,
    /// The service ends; an open run gets an exit record with this code.
    Teardown {
        /// Exit code of the program, as far as anybody knows.
        exit_code: i32,
    },
}
