//! A module that drives an engine and has no world: it shows what the core needs from outside, which is nothing.
//!
//! The allocator and the panic handler are the standard library's; on this target they import nothing either. Whether
//! the core itself names `std` is checked by `tests/tests/tidy.rs`.

use bytes::Bytes;
use runwire_core::{ClientId, CloseReason, Completion, Config, Engine, Input, Instant, Output, UnixNanos};
use runwire_proto::wire;

/// Runs one engine on a run without a log and says how many outputs it gave.
///
/// Nothing calls this. It is exported so that the linker keeps everything that it reaches.
#[unsafe(no_mangle)]
pub extern "C" fn drive(seed: u64, client: u64, records: u32) -> u32 {
    let settings = wire::Settings { x_skip_transaction_log: Some(true), ..wire::Settings::default() };
    let mut engine = Engine::new(Config::new(settings), seed, Instant::ZERO, UnixNanos(0), None);
    let mut outputs = drain(&mut engine);
    let close = [Input::Close(CloseReason::Finish)];
    let record = || Input::Record { client: ClientId(client), ticket: None, record: Bytes::new() };
    for input in (0..records).map(|_| record()).chain(close) {
        if engine.handle_input(Instant::ZERO, input).is_ok() {
            outputs += drain(&mut engine);
        }
    }
    outputs
}

/// Polls until the engine wants an input; every effect is answered by the nothing that is here.
fn drain(engine: &mut Engine) -> u32 {
    let mut outputs = 0;
    let mut asked = Vec::new();
    loop {
        outputs += 1;
        match engine.poll_output() {
            Output::Effect(id, _) => asked.push(id),
            Output::Cancel(_) | Output::Reply(..) | Output::Notice(_) => {}
            Output::Finished(_) => return outputs,
            Output::Wait(_) => match asked.pop() {
                // The wrong answer for most effects: then it is refused, and the effect stays open.
                Some(id) if engine.handle_input(Instant::ZERO, Input::Completed(id, Completion::Closed)).is_ok() => {}
                Some(_) | None => return outputs,
            },
        }
    }
}
