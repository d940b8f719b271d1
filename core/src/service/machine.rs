//! The two verbs of a service as a trait, so that a runtime's loop can be tried with a double.

use super::{Service, ServiceInput, ServiceOutput};
use crate::{error::InputError, time::Instant};

/// What a runtime drives: [`Service`], or what stands in for it in a test of the runtime. The laws are those of the crate.
pub trait Machine {
    /// Takes one input.
    fn handle_input(&mut self, now: Instant, input: ServiceInput) -> Result<(), InputError>;

    /// The next output.
    fn poll_output(&mut self) -> ServiceOutput;

    /// Is called after `handle_input` or `poll_output` panicked, before anything else is.
    fn recover_from_panic(&mut self);
}

impl Machine for Service {
    fn handle_input(&mut self, now: Instant, input: ServiceInput) -> Result<(), InputError> {
        Service::handle_input(self, now, input)
    }

    fn poll_output(&mut self) -> ServiceOutput {
        Service::poll_output(self)
    }

    fn recover_from_panic(&mut self) {
        Service::recover_from_panic(self);
    }
}
