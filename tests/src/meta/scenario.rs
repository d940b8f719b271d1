//! What a client does between the start and the end of a run, read from any bytes. Knows no clock and no world.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use prost::Message;
use runwire_core::client::Session;
use runwire_proto::frame::FrameDecoder;
use runwire_proto::wire::server_request::ServerRequestType;
use runwire_proto::wire::{RunRecord, ServerRequest};

use crate::model::rows::{Row, Rows};
use crate::sim::{Act, Reduction, Said};

/// Most events of one scenario: a longer one shows nothing new and costs time.
const OPS_MAX: usize = 40;
/// Names of metrics. The third one is a part of an object.
const KEYS: [&[&str]; 4] = [&["a"], &["loss"], &["deep", "er"], &["\u{e9} \""]];

/// One value of a row, a summary or a config.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A small number.
    Number(i16),
    /// A number with an exponent.
    Large(i8),
    /// A text of this length.
    Text(u8),
    /// What Python writes and JSON does not know.
    NotANumber,
    /// A list.
    List(u8, u8),
}

/// One event.
#[derive(Arbitrary, Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// A row as `run.log` sends it.
    Row(u8, Content),
    /// The same with two values.
    Wide(u8, Content, Content),
    /// A part of the row of a step.
    Part {
        /// Added to the last step.
        ahead: u8,
        /// Whether the row ends with it, if that is said.
        flush: Option<bool>,
        /// Its key.
        key: u8,
        /// Its value.
        value: Content,
    },
    /// A value of the summary, or none.
    Summary(u8, Option<Content>),
    /// A value of the config, or none.
    Config(u8, Option<Content>),
    /// How a metric is summarised.
    Metric(u8, u8),
    /// A line of the console.
    Print(u8),
    /// A file of so many bytes, uploaded now or at the end.
    File(u8, u16, bool),
    /// A question.
    Ask(u8),
    /// So many milliseconds pass.
    Wait(u16),
}

/// A whole run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scenario {
    /// What happens after the start.
    pub ops: Vec<Op>,
    /// The exit code.
    pub exit: i32,
}

impl Scenario {
    /// The scenario that these bytes are; any bytes are one.
    pub fn read(bytes: &[u8]) -> Scenario {
        Scenario::take(&mut Unstructured::new(bytes))
    }

    /// The same from bytes of which more is made.
    pub fn take(bytes: &mut Unstructured<'_>) -> Scenario {
        let exit = i32::from(bytes.arbitrary::<u8>().unwrap_or_default() % 4);
        let mut ops = Vec::new();
        while ops.len() < OPS_MAX && !bytes.is_empty() {
            let Ok(op) = bytes.arbitrary() else { break };
            ops.push(op);
        }
        Scenario { ops, exit }
    }

    /// What the client does, from its first record to the exit; files go into `folder`.
    pub fn acts(&self, run: &RunRecord, folder: &str) -> Vec<Act> {
        let mut acts = vec![
            Act::Tell(Said::Header),
            Act::Ask(Said::Run(Box::new(run.clone()))),
            Act::Ask(Said::Start(Box::new(run.clone()))),
        ];
        let mut step = 0;
        self.ops.iter().for_each(|op| acts.extend(act(op, folder, &mut step)));
        acts.push(Act::Ask(Said::Exit(self.exit)));
        acts
    }

    /// The rows that must be in the log.
    pub fn rows(&self) -> Vec<(i64, Row)> {
        let acts = self.acts(&RunRecord::default(), "");
        let said = acts.into_iter().filter_map(|act| match act {
            Act::Tell(said) | Act::Ask(said) => Some((String::new(), said)),
            Act::Wait(_) | Act::Save(..) | Act::Deaf(_) | Act::Noise(_) | Act::HalfClose | Act::Vanish => None,
        });
        Rows::of(&said.collect::<Vec<_>>(), 0).rows
    }

    /// Whether the summary is more than the last values of the rows.
    pub fn shapes_summary(&self) -> bool {
        self.ops.iter().any(|op| matches!(op, Op::Summary(..) | Op::Metric(..)))
    }
}

/// The record that a message to a run carries, as an engine takes it.
pub fn record(said: &Said, session: &Session, run: &str) -> Option<Bytes> {
    let mut decoder = FrameDecoder::new(u32::MAX);
    decoder.push(said.frame(session, run, "q"));
    let request = ServerRequest::decode(decoder.next().ok()??).ok()?;
    match request.server_request_type? {
        ServerRequestType::RecordPublish(record) | ServerRequestType::RecordCommunicate(record) => {
            Some(record.encode_to_vec().into())
        }
        _ => None,
    }
}

fn key(number: u8) -> Vec<String> {
    KEYS[usize::from(number) % KEYS.len()].iter().map(|&part| part.to_owned()).collect()
}

fn name(number: u8) -> String {
    key(number).join(".")
}

impl Content {
    /// Its JSON text.
    pub fn json(self) -> String {
        match self {
            Content::Number(number) => number.to_string(),
            Content::Large(exponent) => format!("-1.5e{exponent}"),
            Content::Text(length) => format!("\"{}\"", "x\\u00e9".repeat(usize::from(length))),
            Content::NotANumber => "NaN".into(),
            Content::List(one, two) => format!("[{one}, {{\"k\": {two}}}]"),
        }
    }
}

fn act(op: &Op, folder: &str, last: &mut i64) -> Vec<Act> {
    let row = |items, step, flush| vec![Act::Tell(Said::Row { items, step, flush })];
    match op {
        Op::Row(number, value) => row(vec![(key(*number), value.json())], None, None),
        Op::Wide(number, one, two) => {
            row(vec![(key(*number), one.json()), (key(number.wrapping_add(1)), two.json())], None, None)
        }
        Op::Part { ahead, flush, key: number, value } => {
            *last += i64::from(ahead % 4);
            row(vec![(key(*number), value.json())], Some(*last), *flush)
        }
        Op::Summary(number, value) => {
            vec![Act::Tell(Said::Summary(vec![(key(*number), value.map(Content::json))]))]
        }
        Op::Config(number, value) => vec![Act::Tell(Said::Config(vec![(name(*number), value.map(Content::json))]))],
        Op::Metric(number, kind) => {
            let kinds = [Reduction::Min, Reduction::Max, Reduction::Mean, Reduction::None];
            vec![Act::Tell(Said::Metric(name(*number), kinds[usize::from(*kind) % kinds.len()]))]
        }
        Op::Print(number) => vec![Act::Tell(Said::Console(format!("line {number}\n")))],
        Op::File(number, length, now) => {
            let name = format!("f{}.txt", number % 3);
            let bytes = vec![*number; usize::from(*length) % 3000];
            vec![Act::Save(format!("{folder}/files/{name}"), bytes), Act::Tell(Said::File(name, *now))]
        }
        Op::Ask(number) => {
            let questions = [Said::Status, Said::GetSummary, Said::PollExit];
            vec![Act::Ask(questions[usize::from(*number) % questions.len()].clone())]
        }
        Op::Wait(millis) => vec![Act::Wait(Duration::from_millis(u64::from(*millis)))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_a_scenario_and_all_kinds_of_events_occur() {
        assert_eq!(Scenario::read(&[]), Scenario::default());
        let bytes: Vec<u8> = (0..20_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let ops: Vec<Op> = bytes.chunks(200).flat_map(|part| Scenario::read(part).ops).collect();
        let kinds: std::collections::BTreeSet<String> =
            ops.iter().map(|op| format!("{op:?}").split(['(', ' ']).next().unwrap_or_default().to_owned()).collect();
        assert_eq!(kinds.len(), 10, "{kinds:?}");
    }

    #[test]
    fn what_is_said_to_a_run_is_a_record() {
        let session = Session::new("r1");
        assert!(record(&Said::row(&[("a", "1")]), &session, "r1").is_some());
        assert!(record(&Said::Exit(0), &session, "r1").is_some());
        assert!(record(&Said::Finish, &session, "r1").is_none());
    }
}
