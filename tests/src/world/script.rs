//! Random scripts for a world: what a client, the disk and the clock do.
use proptest::prelude::*;
use runwire_core::time::Duration;
use runwire_core::{CloseReason, Input};
use runwire_proto::wire::output_raw_record::OutputType;
use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::request::RequestType;
use runwire_proto::wire::{InternalMessagesRequest, OutputRawRecord, TbRecord};

use super::{Disk, World};
use crate::client::request;

/// One event.
#[derive(Clone, Debug)]
pub enum Op {
    /// A row with a text of this length.
    Row(u16),
    /// A part of a row.
    Part {
        /// Its step.
        step: Option<i64>,
        /// Whether the row ends with it.
        flush: Option<bool>,
    },
    /// Console output.
    Print(u8),
    /// A poll for messages; waits if there are none.
    Poll,
    /// A folder of TensorBoard files to be watched.
    Watch,
    /// A question that is answered at once.
    Ask,
    /// The client goes away.
    Gone,
    /// This many milliseconds pass.
    Wait(u16),
    /// One open effect is performed: the one at this place, modulo their number.
    Perform(u8),
    /// The disk behaves like this from now on.
    Disk(Disk),
    /// The run's exit.
    Exit,
    /// The run is closed by its client.
    Finish,
    /// The run is closed by the service.
    Teardown,
}

/// What clients and the clock do before the end of a run.
pub fn events() -> impl Strategy<Value = Op> {
    let step = proptest::option::of(0..20_i64);
    let flush = proptest::option::of(any::<bool>());
    prop_oneof![
        4 => (0..2000_u16).prop_map(Op::Row),
        3 => (step, flush).prop_map(|(step, flush)| Op::Part { step, flush }),
        2 => any::<u8>().prop_map(Op::Print),
        1 => Just(Op::Poll),
        1 => Just(Op::Ask),
        1 => Just(Op::Watch),
        1 => Just(Op::Gone),
        2 => (0..120_u16).prop_map(Op::Wait),
        3 => any::<u8>().prop_map(Op::Perform),
    ]
}

/// The same, on a disk that fails in every way, with ends at any place.
pub fn troubles() -> impl Strategy<Value = Op> {
    let disk =
        prop_oneof![Just(Disk::Works), Just(Disk::Full), Just(Disk::Hangs), Just(Disk::Mute), Just(Disk::Echoes),];
    prop_oneof![
        12 => events(),
        2 => disk.prop_map(Op::Disk),
        2 => (0..20_000_u16).prop_map(Op::Wait),
        1 => Just(Op::Exit),
    ]
}

/// Ends of a run.
pub fn ends() -> impl Strategy<Value = Op> {
    prop_oneof![Just(Op::Finish), Just(Op::Teardown)]
}

impl World {
    /// Lets one event happen.
    pub fn play(&mut self, op: &Op) {
        match op {
            Op::Row(length) => {
                let text = format!("\"{}\"", "x".repeat(usize::from(*length)));
                self.row(&[("text", &text)]);
            }
            Op::Part { step, flush } => self.partial(&[("a", "1")], *step, *flush),
            Op::Print(number) => self.send(RecordType::OutputRaw(OutputRawRecord {
                output_type: OutputType::Stdout.into(),
                line: format!("line {number}\n"),
                ..Default::default()
            })),
            Op::Poll => {
                let poll = InternalMessagesRequest { wait: true, info: None };
                self.ask(request(RequestType::InternalMessages(poll)));
            }
            Op::Watch => {
                let record = TbRecord { log_dir: "/tb".into(), root_dir: "/".into(), ..Default::default() };
                self.send(RecordType::Tbrecord(record));
            }
            Op::Ask => {
                self.ask(request(RequestType::GetSummary(Default::default())));
            }
            Op::Gone => self.client_gone(),
            Op::Wait(millis) => self.advance(Duration::from_millis((*millis).into())),
            Op::Perform(place) if !self.open.is_empty() => {
                self.perform(usize::from(*place) % self.open.len());
            }
            Op::Perform(_) => self.input(Input::Tick).expect("a tick is always taken"),
            Op::Disk(disk) => {
                self.disk = *disk;
                self.settle();
            }
            Op::Exit => {
                self.exit(0);
            }
            Op::Finish => self.close(CloseReason::Finish),
            Op::Teardown => self.close(CloseReason::Teardown { exit_code: 1 }),
        }
    }

    /// Performs what is open in an order that `choose` decides, and lets time pass where nothing is, to the end.
    pub fn play_out(&mut self, mut choose: impl FnMut(usize) -> usize) {
        while self.finished.is_none() {
            if self.open.is_empty() || self.disk == Disk::Hangs {
                self.now = self.now.max(self.wake.expect("a run that ends waits for something").at);
                self.input(Input::Tick).expect("a tick is always taken");
            } else {
                let place = choose(self.open.len());
                self.perform(place);
            }
        }
    }
}
