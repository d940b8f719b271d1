//! What a front end says at the beginning and at the end of a run, question by question.
//!
//! A front end asks for the next step, does it, and comes back with the answer. It brings how to send, how to wait and
//! what to do when nobody answers in time.

use super::{Folders, Plan, Session};
use crate::time::Duration;
use alloc::{boxed::Box, string::String, vec::Vec};
use bytes::Bytes;
use runwire_proto::wire::{self, record::RecordType, request::RequestType, response::ResponseType, result::ResultType};

/// Longest wait for an answer while a run goes on.
pub const ANSWER: Duration = Duration::from_secs(30);
/// Longest wait until the server has taken the run or refused it: more than the core's own bound of it.
const BEGIN_ONLINE: Duration = Duration::from_secs(180);
/// Longest wait for the end of a run: more than the core's own bounds add up to.
const END: Duration = Duration::from_secs(120);
/// The same of an online run. It may go on as long as the server gets more, and ends by the core's patience otherwise.
const END_ONLINE: Duration = Duration::from_secs(24 * 3600);

/// A question and how long its answer may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The id under which it is answered.
    pub id: String,
    /// What is sent, whole frames.
    pub frames: Bytes,
    /// How long to wait.
    pub within: Duration,
}

/// The next step of a beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// Ask this and come back with the answer.
    Ask(Question),
    /// The run can't begin; why, for the user.
    Refused(String),
    /// The run has begun.
    Begun {
        /// Frames to send that are not answered.
        frames: Bytes,
        /// Where the run is shown, if a server has it.
        url: Option<String>,
    },
}

/// The beginning of a run: its log is made, its server takes it, rows can come.
#[derive(Debug)]
pub struct Beginning {
    plan: Plan,
    folders: Folders,
    start: prost_types::Timestamp,
    stage: Opening,
}

#[derive(Debug)]
enum Opening {
    First,
    Log,
    Taken,
    Started { url: Option<String> },
}

impl Beginning {
    /// The beginning of a run with this plan. `start` is the wall time.
    pub fn new(plan: Plan, folders: Folders, start: prost_types::Timestamp) -> Self {
        Beginning { plan, folders, start, stage: Opening::First }
    }

    /// The next step, given the answer to the last question; the first time there is none.
    pub fn next(&mut self, session: &mut Session, answer: Option<ResultType>) -> Begin {
        let id = session.request_id();
        match core::mem::replace(&mut self.stage, Opening::Log) {
            Opening::First => {
                let frames = session.init(&id, self.plan.settings(&self.folders));
                Begin::Ask(Question { id, frames, within: ANSWER })
            }
            Opening::Log => {
                self.stage = Opening::Taken;
                let header = session.record("", RecordType::Header(wire::HeaderRecord::default()));
                let run = session.record(&id, RecordType::Run(self.plan.record(self.start)));
                let within = if self.plan.server.is_some() { BEGIN_ONLINE } else { ANSWER };
                Begin::Ask(Question { id, frames: joined(&[header, run]), within })
            }
            Opening::Taken => {
                let run = match answer {
                    Some(ResultType::RunResult(wire::RunUpdateResult { error: Some(error), .. })) => {
                        return Begin::Refused(error.message);
                    }
                    Some(ResultType::RunResult(result)) => result.run,
                    Some(_) | None => None,
                };
                let url = run.as_ref().and_then(|run| self.plan.address(run));
                self.stage = Opening::Started { url };
                let start = RequestType::RunStart(wire::RunStartRequest { run, info: None });
                Begin::Ask(Question { frames: session.request(&id, start), id, within: ANSWER })
            }
            Opening::Started { url } => {
                let probe = RequestType::ProbeSystemInfo(wire::ProbeSystemInfoRequest::default());
                Begin::Begun { frames: session.request("", probe), url }
            }
        }
    }
}

/// The next step of an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Ask this and come back with the answer, or without one if none came.
    Ask(Question),
    /// The run has ended.
    Ended {
        /// Frames to send that are not answered.
        frames: Bytes,
        /// What came of it; `None` if nobody answered.
        outcome: Option<Outcome>,
    },
}

/// What came of the end of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Whether a part of the end ran into its time limit.
    pub timed_out: bool,
    /// Messages that the run had for its user.
    pub messages: Vec<String>,
}

/// The end of a run: everything is in its log, and its server has it or the patience with it is over.
#[derive(Debug)]
pub struct Ending {
    exit_code: i32,
    online: bool,
    stage: Closing,
}

#[derive(Debug)]
enum Closing {
    First,
    Exit,
    Messages(Option<Box<wire::RunExitResult>>),
}

impl Ending {
    /// The end of a run with this exit code; `online` if it has a server.
    pub fn new(exit_code: i32, online: bool) -> Self {
        Ending { exit_code, online, stage: Closing::First }
    }

    /// The next step, given the answer to the last question if there is one.
    pub fn next(&mut self, session: &mut Session, answer: Option<ResultType>) -> End {
        let id = session.request_id();
        match core::mem::replace(&mut self.stage, Closing::Exit) {
            Closing::First => {
                let exit = wire::RunExitRecord { exit_code: self.exit_code, ..Default::default() };
                let within = if self.online { END_ONLINE } else { END };
                End::Ask(Question { frames: session.record(&id, RecordType::Exit(exit)), id, within })
            }
            Closing::Exit => {
                let ended = match answer {
                    Some(ResultType::ExitResult(result)) => Some(Box::new(result)),
                    Some(_) | None => None,
                };
                self.stage = Closing::Messages(ended);
                let poll = RequestType::InternalMessages(wire::InternalMessagesRequest::default());
                End::Ask(Question { frames: session.request(&id, poll), id, within: ANSWER })
            }
            Closing::Messages(ended) => {
                let messages = match answer {
                    Some(ResultType::Response(wire::Response {
                        response_type: Some(ResponseType::InternalMessagesResponse(answer)),
                    })) => answer.messages.unwrap_or_default().warning,
                    Some(_) | None => Vec::new(),
                };
                let outcome = ended.map(|result| Outcome { timed_out: result.timed_out, messages });
                End::Ended { frames: session.finish(), outcome }
            }
        }
    }
}

fn joined(frames: &[Bytes]) -> Bytes {
    frames.concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(stage: &Begin) -> bool {
        matches!(stage, Begin::Ask(_))
    }

    #[test]
    fn a_run_begins_with_three_questions_and_a_refusal_ends_it() {
        let plan = Plan { id: "r".into(), ..Plan::default() };
        let beginning = || Beginning::new(plan.clone(), Folders::default(), prost_types::Timestamp::default());
        let (mut session, mut first) = (Session::new("r"), beginning());
        assert!((0..3).all(|_| begun(&first.next(&mut session, None))));
        let Begin::Begun { frames, url: None } = first.next(&mut session, None) else { panic!("no url offline") };
        assert!(!frames.is_empty());

        let mut second = beginning();
        assert!((0..2).all(|_| begun(&second.next(&mut session, None))));
        let error = wire::ErrorInfo { message: "no".into(), ..Default::default() };
        let refused = wire::RunUpdateResult { error: Some(error), ..Default::default() };
        assert_eq!(second.next(&mut session, Some(ResultType::RunResult(refused))), Begin::Refused("no".into()));
    }

    #[test]
    fn an_end_without_an_answer_to_the_exit_has_no_outcome() {
        let mut session = Session::new("r");
        let last = |answer: Option<ResultType>, session: &mut Session| {
            let mut ending = Ending::new(1, false);
            assert!(matches!(ending.next(session, None), End::Ask(_)));
            assert!(matches!(ending.next(session, answer), End::Ask(_)));
            match ending.next(session, None) {
                End::Ended { outcome, .. } => outcome,
                End::Ask(question) => panic!("{question:?}"),
            }
        };
        assert_eq!(last(None, &mut session), None);
        let late = wire::RunExitResult { timed_out: true };
        let outcome = last(Some(ResultType::ExitResult(late)), &mut session);
        assert_eq!(outcome, Some(Outcome { timed_out: true, messages: Vec::new() }));
    }
}
