//! A service with clients and disks in memory, and a check that holds for whatever a connection sends.
//!
//! Not part of the API: the fuzz target, the laws and the unit tests share it. Each check panics when a promise is broken.

use super::{Service, ServiceConfig, ServiceInput, ServiceOutput, StopReason};
use crate::{
    completion::Completion,
    effect::Effect,
    id::{ClientId, EffectId, StreamKey},
    limits::Limits,
    output::Summary,
    time::{Duration, Instant, UnixNanos, Wake},
    writer::WritePolicy,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};
use bytes::Bytes;
use prost::Message;
use runwire_proto::{
    frame::{self, FrameDecoder},
    log::{LogEvent, LogReader, Tail},
    wire::{self, record::RecordType, request::RequestType, server_request::ServerRequestType},
};

/// A service and everything around it. Effects are performed at once unless their run is in `hanging`.
pub struct World {
    /// The service under test.
    pub service: Service,
    /// The clock.
    pub now: Instant,
    /// Logs by run.
    pub logs: BTreeMap<StreamKey, Vec<u8>>,
    /// Answers by client.
    pub answers: BTreeMap<ClientId, Vec<wire::ServerResponse>>,
    /// Clients whose answers stay unread.
    pub deaf: BTreeSet<ClientId>,
    /// Runs whose effects are not performed.
    pub hanging: BTreeSet<StreamKey>,
    /// Effects that were not performed.
    pub held: Vec<(StreamKey, EffectId, Effect)>,
    /// Connections that were closed by the service.
    pub closed: BTreeSet<ClientId>,
    /// Connections that are not read now.
    pub paused: BTreeSet<ClientId>,
    /// Runs that are over.
    pub ended: BTreeMap<StreamKey, Summary>,
    /// Whether the socket is gone.
    pub stopped_listening: bool,
    /// Whether all is over.
    pub finished: bool,
    /// The next deadline.
    pub wake: Option<Wake>,
    unreported: Vec<(ClientId, usize)>,
}

impl World {
    /// A service with these bounds.
    pub fn new(limits: Limits) -> World {
        let config = ServiceConfig {
            seed: 3,
            limits,
            write_policy: WritePolicy::default(),
            idle_timeout: None,
            write_summary_files: false,
            utc_offset_seconds: 0,
            current_dir: Default::default(),
            slurm: Default::default(),
        };
        let service = Service::new(config, Instant::ZERO, UnixNanos(1_735_689_600_000_000_000));
        let mut world = World {
            service,
            now: Instant::ZERO,
            logs: BTreeMap::new(),
            answers: BTreeMap::new(),
            deaf: BTreeSet::new(),
            hanging: BTreeSet::new(),
            held: Vec::new(),
            closed: BTreeSet::new(),
            paused: BTreeSet::new(),
            ended: BTreeMap::new(),
            stopped_listening: false,
            finished: false,
            wake: None,
            unreported: Vec::new(),
        };
        world.drain();
        world
    }

    /// Gives an input and all that follows from it at once.
    pub fn give(&mut self, input: ServiceInput) {
        let mut next = Some(input);
        while let Some(input) = next {
            self.service.handle_input(self.now, input).expect("outputs are drained and effects answered once");
            self.drain();
            next = self.follow_up();
        }
    }

    fn follow_up(&mut self) -> Option<ServiceInput> {
        if let Some((client, count)) = self.unreported.pop() {
            return Some(ServiceInput::Sent(client, count));
        }
        let at = self.held.iter().position(|(key, ..)| !self.hanging.contains(key))?;
        let (key, id, effect) = self.held.remove(at);
        let completion = self.perform(key, effect);
        Some(ServiceInput::Completed(key, id, completion))
    }

    /// A client sends requests.
    pub fn send(&mut self, client: ClientId, requests: &[wire::ServerRequest]) {
        self.give(ServiceInput::Received(client, Bytes::from(frames(requests))));
    }

    /// Lets time pass.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now.after(by);
        while let Some(wake) = self.wake.filter(|wake| wake.at <= end && !self.finished) {
            self.now = self.now.max(wake.at);
            self.give(ServiceInput::Tick);
        }
        self.now = end;
    }

    /// The answer to a request of a client.
    pub fn answer(&self, client: ClientId, id: &str) -> Option<&wire::ServerResponse> {
        self.answers.get(&client)?.iter().find(|answer| answer.request_id == id)
    }

    /// Records of a run's log.
    pub fn records(&self, key: StreamKey) -> Vec<wire::Record> {
        let Some(bytes) = self.logs.get(&key) else { return Vec::new() };
        let mut reader = LogReader::new();
        reader.push(bytes);
        reader.finish();
        let mut records = Vec::new();
        loop {
            match reader.next() {
                LogEvent::Record { bytes, .. } => {
                    records.push(wire::Record::decode(&bytes[..]).expect("a log holds records"));
                }
                LogEvent::NeedMore(Tail::Clean) => return records,
                other @ (LogEvent::Damage(_) | LogEvent::NeedMore(_) | LogEvent::Fatal(_)) => {
                    panic!("the log is whole: {other:?}")
                }
            }
        }
    }

    fn drain(&mut self) {
        loop {
            match self.service.poll_output() {
                ServiceOutput::Send(client, bytes) => {
                    assert!(!self.closed.contains(&client), "nothing is sent after the close");
                    let mut decoder = FrameDecoder::new(u32::MAX);
                    let length = bytes.len();
                    decoder.push(bytes);
                    while let Ok(Some(payload)) = decoder.next() {
                        let answer = wire::ServerResponse::decode(&payload[..]).expect("answers are messages");
                        self.answers.entry(client).or_default().push(answer);
                    }
                    if !self.deaf.contains(&client) {
                        self.unreported.push((client, length));
                    }
                }
                ServiceOutput::Close(client) => assert!(self.closed.insert(client), "closed once"),
                ServiceOutput::Pause(client) => assert!(self.paused.insert(client), "paused once"),
                ServiceOutput::Resume(client) => assert!(self.paused.remove(&client), "resumed after a pause"),
                ServiceOutput::Effect(key, id, effect) => self.held.push((key, id, effect)),
                ServiceOutput::Cancel(key, id) => self.held.retain(|(k, i, _)| (*k, *i) != (key, id)),
                ServiceOutput::Ended(key, summary) => {
                    let accounts = summary.accounts;
                    assert_eq!(accounts.accepted, accounts.stored + accounts.refused());
                    assert!(self.ended.insert(key, summary).is_none(), "a run ends once");
                }
                ServiceOutput::StopListening => self.stopped_listening = true,
                ServiceOutput::Started(..) | ServiceOutput::Notice(..) | ServiceOutput::Print(_) => {}
                ServiceOutput::Wait(wake) => {
                    self.wake = wake;
                    return;
                }
                ServiceOutput::Finished => {
                    self.finished = true;
                    return;
                }
            }
        }
    }

    fn perform(&mut self, key: StreamKey, effect: Effect) -> Completion {
        match effect {
            Effect::OpenLog { .. } => Completion::Opened,
            Effect::AppendLog { at, bytes } => {
                let log = self.logs.entry(key).or_default();
                assert_eq!(at, log.len() as u64, "appends follow each other on a disk that works");
                log.extend_from_slice(&bytes);
                Completion::Appended
            }
            Effect::SyncLog { .. } => Completion::Synced,
            Effect::CloseLog => Completion::Closed,
            Effect::WriteFile { .. } | Effect::PatchFile { .. } => Completion::Written,
            Effect::SampleSystem(_) => Completion::Sampled(Vec::new()),
            Effect::ProbeSystem(_) => Completion::Probed(Default::default()),
            other @ (Effect::SaveCode { .. }
            | Effect::WriteSecret { .. }
            | Effect::LinkFile { .. }
            | Effect::TailFiles { .. }
            | Effect::ReadFile { .. }
            | Effect::StatFiles { .. }
            | Effect::HashFile { .. }
            | Effect::Http(_)) => crate::completion::success(other.kind()),
        }
    }
}

/// Requests as they travel.
pub fn frames(requests: &[wire::ServerRequest]) -> Vec<u8> {
    let mut bytes = Vec::new();
    requests.iter().for_each(|request| frame::encode(&mut bytes, &request.encode_to_vec()));
    bytes
}

/// A request; with an id it wants an answer.
pub fn ask(id: &str, kind: ServerRequestType) -> wire::ServerRequest {
    wire::ServerRequest { request_id: id.into(), server_request_type: Some(kind) }
}

/// A record of a run.
pub fn record(id: &str, run: &str, kind: RecordType) -> wire::ServerRequest {
    let record = wire::Record { info: info(run), record_type: Some(kind), ..Default::default() };
    ask(id, ServerRequestType::RecordPublish(record))
}

/// The stream that a message is about.
pub fn info(run: &str) -> Option<wire::RecordInfo> {
    Some(wire::RecordInfo { stream_id: run.into(), ..Default::default() })
}

/// `inform_init` of an offline run.
pub fn init(id: &str, run: &str) -> wire::ServerRequest {
    let settings = wire::Settings {
        offline: Some(true),
        run_id: Some(run.into()),
        sync_dir: Some(String::from("/w/") + run),
        sync_file: Some(String::from("/w/") + run + "/run.wandb"),
        x_disable_stats: Some(true),
        ..Default::default()
    };
    ask(id, ServerRequestType::InformInit(wire::ServerInformInitRequest { settings: Some(settings), info: info(run) }))
}

/// A row.
pub fn row(run: &str, value: u32) -> wire::ServerRequest {
    let item = wire::HistoryItem { key: "a".into(), value_json: alloc::format!("{value}"), ..Default::default() };
    let row = wire::PartialHistoryRequest { item: alloc::vec![item], ..Default::default() };
    let request = wire::Request { request_type: Some(RequestType::PartialHistory(row)) };
    record("", run, RecordType::Request(request))
}

/// An exit record.
pub fn exit(id: &str, run: &str) -> wire::ServerRequest {
    record(id, run, RecordType::Exit(wire::RunExitRecord::default()))
}

/// `inform_finish`.
pub fn finish(id: &str, run: &str) -> wire::ServerRequest {
    ask(id, ServerRequestType::InformFinish(wire::ServerInformFinishRequest { info: info(run) }))
}

/// Requests of the public API about `part`, whatever it is.
fn api_requests(number: usize, part: &[u8]) -> Vec<wire::ServerRequest> {
    use wire::api_request::Request;
    let text = String::from_utf8_lossy(part).into_owned();
    let graphql = wire::GraphQlRequest {
        query: text.clone(),
        omit_fields: alloc::vec!["a".into()],
        omit_variables: alloc::vec!["b".into()],
        ..Default::default()
    };
    let variables = wire::GraphQlRequest { query: "{a}".into(), variables_json: text.clone(), ..Default::default() };
    let server = wire::ServerFeaturesRequest { features: part.iter().copied().map(i32::from).collect() };
    let features = wire::features_request::Request::Server(server);
    let viewer = wire::auth_request::Request::AuthenticateRequest(wire::AuthenticateRequest {});
    let kinds = [
        Request::GraphqlRequest(graphql),
        Request::GraphqlRequest(variables),
        Request::FeaturesRequest(wire::FeaturesRequest { request: Some(features) }),
        Request::AuthRequest(wire::AuthRequest { request: Some(viewer) }),
        Request::UploadFileRequest(wire::UploadFileRequest { path: text.clone(), url: text, ..Default::default() }),
    ];
    let api = |(at, kind)| {
        let request = wire::ApiRequest { api_id: "api-0".into(), request: Some(kind) };
        ask(&alloc::format!("api-{number}-{at}"), ServerRequestType::ApiRequest(request))
    };
    kinds.into_iter().enumerate().map(api).collect()
}

/// One connection sends `data`, cut as its first byte says; another has a run and asks a server about the same bytes. The
/// run keeps its rows and its end, what was asked is answered, and the service ends when it is told to.
pub fn service(data: &[u8]) {
    const RUN: &str = "the-run-of-the-other-connection";
    const ROWS: u32 = 3;
    let Some((&cut, bytes)) = data.split_first() else { return };
    let (wild, good) = (ClientId(1), ClientId(2));
    let mut world = World::new(Limits { frame_bytes_max: 1 << 16, ..Limits::default() });
    world.give(ServiceInput::Connected(good));
    world.give(ServiceInput::Connected(wild));
    let settings = wire::Settings { base_url: Some("http://server".into()), ..Default::default() };
    let api = wire::ServerApiInitRequest { settings: Some(settings), ..Default::default() };
    world.send(good, &[init("i", RUN), ask("api", ServerRequestType::ApiInitRequest(api))]);
    let key = StreamKey(1);
    let (mut rows, mut asked) = (0, Vec::new());
    for part in bytes.chunks(usize::from(cut) + 1) {
        if world.finished {
            break;
        }
        if !world.closed.contains(&wild) && !world.paused.contains(&wild) {
            world.give(ServiceInput::Received(wild, Bytes::copy_from_slice(part)));
        }
        if rows < ROWS && !world.stopped_listening {
            world.send(good, &[row(RUN, rows)]);
            rows += 1;
            let requests = api_requests(asked.len(), part);
            world.send(good, &requests);
            asked.extend(requests.into_iter().map(|request| request.request_id));
        }
        world.advance(Duration::from_millis(20));
    }
    // Whoever tears the service down, or knows the name of the run, may end it.
    let alone = !bytes.windows(RUN.len()).any(|part| part == RUN.as_bytes()) && !world.stopped_listening;
    if alone {
        world.send(good, &[exit("e", RUN), finish("", RUN)]);
        assert!(world.answer(good, "e").is_some(), "the exit is answered");
        for id in &asked {
            let answers = world.answers[&good].iter().filter(|answer| answer.request_id == *id);
            assert_eq!(answers.count(), 1, "{id} is answered once");
        }
    }
    world.give(ServiceInput::Ended(wild));
    if !world.finished {
        world.give(ServiceInput::Stop(StopReason::Signal));
        world.advance(Duration::from_secs(200));
    }
    assert!(world.finished, "the service ends");
    assert!(world.ended.contains_key(&key), "the run ends");
    if alone {
        let records = world.records(key);
        let history = |r: &&wire::Record| matches!(r.record_type, Some(RecordType::History(_)));
        assert_eq!(records.iter().filter(history).count(), rows as usize, "no row is lost");
        let ends = |r: &&wire::Record| matches!(r.record_type, Some(RecordType::Exit(_)));
        assert_eq!(records.iter().filter(ends).count(), 1, "the end is stored");
    }
}
