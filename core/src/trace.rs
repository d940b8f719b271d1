//! A run as text: every input and every output of an engine, a line each. A diff of two traces is the review of a change.

use crate::{
    engine::Engine,
    error::InputError,
    input::Input,
    output::{Output, Reply},
    time::Instant,
};
use alloc::{format, string::String, vec::Vec};
use runwire_proto::peek;

/// An engine and the lines of what went in and out.
pub struct Traced {
    engine: Engine,
    lines: Vec<String>,
}

impl Traced {
    /// Traces `engine` from now on. Its first outputs are given by [`Traced::drain`].
    pub fn new(engine: Engine) -> Self {
        Traced { engine, lines: Vec::new() }
    }

    /// Gives one input and takes all outputs, the last of which is `Wait` or `Finished`.
    pub fn input(&mut self, now: Instant, input: Input) -> Result<Vec<Output>, InputError> {
        self.lines.push(format!("{now} > {}", describe_input(&input)));
        self.engine.handle_input(now, input)?;
        Ok(self.drain(now))
    }

    /// Takes all outputs.
    pub fn drain(&mut self, now: Instant) -> Vec<Output> {
        let mut outputs = Vec::new();
        loop {
            let output = self.engine.poll_output();
            self.lines.push(format!("{now} {}", describe_output(&output)));
            let last = matches!(output, Output::Wait(_) | Output::Finished(_));
            outputs.push(output);
            if last {
                return outputs;
            }
        }
    }

    /// The lines so far.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}

/// One line for an input, without the values that a user logged.
pub fn describe_input(input: &Input) -> String {
    match input {
        Input::Record { client, ticket, record } => {
            let ticket = ticket.map(|ticket| format!(" {ticket}")).unwrap_or_default();
            let kind = match peek::record(record) {
                Ok(seen) => match (seen.kind, seen.request_kind) {
                    (Some(100), Some(request)) => format!("request {request}"),
                    (Some(kind), _) => format!("field {kind}"),
                    (None, _) => "without a type".into(),
                },
                Err(error) => format!("{error}"),
            };
            format!("Record {client}{ticket} {kind} len={}", record.len())
        }
        Input::Completed(id, completion) => format!("Completed {id} {completion}"),
        Input::Moving(id) => format!("Moving {id}"),
        Input::Tick => "Tick".into(),
        Input::Cancelled(ticket) => format!("Cancelled {ticket}"),
        Input::ClientGone(client) => format!("ClientGone {client}"),
        Input::Close(reason) => format!("Close {reason:?}"),
    }
}

/// One line for an output.
pub fn describe_output(output: &Output) -> String {
    match output {
        Output::Effect(id, effect) => format!("< {id} {effect}"),
        Output::Cancel(id) => format!("< {id} Cancel"),
        Output::Reply(ticket, Reply::Result(result)) => format!("< {ticket} Reply len={}", result.len()),
        Output::Reply(ticket, Reply::Opened) => format!("< {ticket} Opened"),
        Output::Reply(ticket, Reply::Error(why)) => format!("< {ticket} Error {why}"),
        Output::Notice(notice) => format!("! {notice}"),
        Output::Wait(Some(wake)) => format!(". Wait {} {}", wake.at, wake.why),
        Output::Wait(None) => ". Wait".into(),
        Output::Finished(summary) => format!(". Finished {summary:?}"),
    }
}
