//! A service that writes down what it was told and what it said, so that a drive can be played again without a runtime.

use runwire_core::{
    InputError, Instant, UnixNanos,
    service::{Machine, Service, ServiceConfig, ServiceInput, ServiceOutput},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What was written down.
#[derive(Debug, Default)]
pub struct Tape {
    inputs: Vec<(Instant, ServiceInput)>,
    outputs: Vec<ServiceOutput>,
    start: Option<(Instant, UnixNanos)>,
    /// The last output was the last one before an input.
    drained: bool,
}

/// The service.
pub struct Recorder {
    service: Service,
    tape: Arc<Mutex<Tape>>,
}

impl Recorder {
    /// Records a new service on `tape`.
    pub fn new(config: ServiceConfig, now: Instant, wall: UnixNanos, tape: &Arc<Mutex<Tape>>) -> Self {
        lock(tape).start = Some((now, wall));
        Recorder { service: Service::new(config, now, wall), tape: Arc::clone(tape) }
    }
}

impl Machine for Recorder {
    fn handle_input(&mut self, now: Instant, input: ServiceInput) -> Result<(), InputError> {
        let mut tape = lock(&self.tape);
        tape.inputs.push((now, input.clone()));
        tape.drained = false;
        drop(tape);
        self.service.handle_input(now, input)
    }

    fn poll_output(&mut self) -> ServiceOutput {
        let output = self.service.poll_output();
        let mut tape = lock(&self.tape);
        // To look again before anything has happened is not wrong.
        let again =
            std::mem::replace(&mut tape.drained, matches!(output, ServiceOutput::Wait(_) | ServiceOutput::Finished));
        if !(again && tape.drained) {
            tape.outputs.push(output.clone());
        }
        output
    }

    fn recover_from_panic(&mut self) {
        panic!("the service panicked while it was recorded");
    }
}

impl Tape {
    /// Tells the same to another service. Gives what that said, and what this one had said.
    pub fn replay(&self, config: ServiceConfig) -> (Vec<ServiceOutput>, &[ServiceOutput]) {
        let (now, wall) = self.start.expect("something was recorded");
        let mut service = Service::new(config, now, wall);
        let mut said = drain(&mut service);
        for (now, input) in &self.inputs {
            service.handle_input(*now, input.clone()).expect("it was taken the first time");
            said.extend(drain(&mut service));
        }
        (said, &self.outputs)
    }

    /// Number of inputs.
    pub fn len(&self) -> usize {
        self.inputs.len()
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }
}

fn drain(service: &mut Service) -> Vec<ServiceOutput> {
    let mut said = Vec::new();
    loop {
        said.push(service.poll_output());
        if let Some(ServiceOutput::Wait(_) | ServiceOutput::Finished) = said.last() {
            return said;
        }
    }
}

/// Locks what a panic elsewhere may have left locked.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
