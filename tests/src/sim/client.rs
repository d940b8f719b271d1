//! Clients: connections that play their scripts. A client knows what it sent and what it waits for, and nothing of runs.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use runwire_core::client::Session;
use runwire_core::service::ServiceInput;
use runwire_core::{ClientId, Instant};
use runwire_proto::frame::FrameDecoder;
use runwire_proto::wire::result::ResultType;
use runwire_proto::wire::server_response::ServerResponseType as Answer;
use runwire_proto::wire::{self, ServerResponse};

use super::faults::Fault;
use super::plan::ClientPlan;
use super::script::{Act, Said};
use super::world::{Event, Seen, World};

/// Time until bytes are at the other end of a socket.
const HOP: (Duration, Duration) = (Duration::from_micros(5), Duration::from_micros(200));
/// What an upload's message says of a failure, in the severities of Python's logging.
const ERROR: i32 = 40;

/// Where a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not connected yet.
    Waiting,
    /// It plays its script.
    Playing,
    /// All is said, and every answer has come.
    Done,
    /// Gone, or its service died.
    Dead,
    /// The service has closed the connection, or would not do what was asked.
    Refused,
}

/// A client.
#[derive(Debug)]
pub(super) struct Player {
    pub(super) plan: ClientPlan,
    pub(super) id: ClientId,
    pub(super) state: State,
    pub(super) life: u64,
    /// What it waits for, and since when.
    pub(super) waiting: Option<(String, Said, Instant)>,
    acts: VecDeque<Act>,
    session: Session,
    out: VecDeque<u8>,
    /// Ends of messages in the stream of bytes.
    ends: VecDeque<(u64, Said)>,
    queued: u64,
    delivered: u64,
    delivering: bool,
    paused: bool,
    half_closed: bool,
    deaf_until: Instant,
    unread: VecDeque<Bytes>,
    decoder: FrameDecoder,
    run: Option<Box<wire::RunRecord>>,
}

impl Player {
    /// Whether the service does not read from it now.
    pub(super) fn is_held_back(&self) -> bool {
        self.paused
    }
}

impl World {
    /// A client that will connect. Gives its place in the list.
    pub(super) fn add_client(&mut self, plan: ClientPlan) -> usize {
        self.last_client += 1;
        let index = self.players.len();
        let at = self.now.max(Instant::ZERO.after(plan.begins));
        self.players.push(Player {
            id: ClientId(self.last_client),
            state: State::Waiting,
            life: self.life,
            waiting: None,
            acts: plan.acts.clone().into(),
            session: Session::new(plan.run.clone()),
            out: VecDeque::new(),
            ends: VecDeque::new(),
            queued: 0,
            delivered: 0,
            delivering: false,
            paused: false,
            half_closed: false,
            deaf_until: Instant::ZERO,
            unread: VecDeque::new(),
            decoder: FrameDecoder::new(u32::MAX),
            run: None,
            plan,
        });
        self.agenda.add(at, Event::Play(index));
        index
    }

    /// A client goes on with its script.
    pub(super) fn play(&mut self, index: usize) {
        match self.players[index].state {
            State::Waiting if !self.is_up() || self.is_finished() => {
                self.players[index].state = State::Dead;
                return;
            }
            State::Waiting => {
                let id = self.players[index].id;
                self.players[index].state = State::Playing;
                self.players[index].life = self.life;
                self.give(ServiceInput::Connected(id));
            }
            State::Playing => {}
            State::Done | State::Dead | State::Refused => return,
        }
        while self.players[index].state == State::Playing && self.players[index].waiting.is_none() {
            let Some(act) = self.players[index].acts.pop_front() else {
                return self.end_if_done(index);
            };
            if let Act::Wait(time) = act {
                return self.agenda.add(self.now.after(time), Event::Play(index));
            }
            self.act(index, act);
        }
    }

    fn act(&mut self, index: usize, act: Act) {
        match act {
            Act::Wait(_) => {}
            Act::Tell(said) => self.send(index, "", said),
            Act::Ask(said) => {
                let id = self.players[index].session.request_id();
                self.players[index].waiting = Some((id.clone(), said.clone(), self.now));
                self.send(index, &id, said);
            }
            Act::Save(path, bytes) => self.disk.replace(&path, &bytes),
            Act::Deaf(time) => {
                self.fired(Fault::SlowReader);
                self.players[index].deaf_until = self.now.after(time);
            }
            Act::Noise(bytes) => {
                self.fired(Fault::Malformed);
                self.players[index].out.extend(&bytes);
                self.players[index].queued += bytes.len() as u64;
                self.deliver_soon(index);
            }
            Act::HalfClose => {
                self.fired(Fault::HalfClose);
                self.players[index].half_closed = true;
                self.deliver_soon(index);
            }
            Act::Vanish => {
                self.fired(Fault::ClientGone);
                self.players[index].state = State::Dead;
                let id = self.players[index].id;
                self.give(ServiceInput::Lost(id));
                self.see(Seen::Lost(id));
            }
        }
    }

    fn send(&mut self, index: usize, id: &str, said: Said) {
        let player = &mut self.players[index];
        let said = match said {
            // A program starts the run that it was told of.
            Said::Start(asked) => Said::Start(player.run.clone().unwrap_or(asked)),
            said => said,
        };
        let run = player.plan.run.clone();
        let frame = said.frame(&player.session, &run, id);
        player.queued += frame.len() as u64;
        player.out.extend(&frame);
        player.ends.push_back((player.queued, said));
        self.deliver_soon(index);
    }

    fn deliver_soon(&mut self, index: usize) {
        let player = &mut self.players[index];
        if player.delivering || player.paused || (player.out.is_empty() && !player.half_closed) {
            return;
        }
        player.delivering = true;
        let hop = self.dice.time(HOP.0, HOP.1);
        self.agenda.add(self.now.after(hop), Event::Deliver(index));
    }

    /// Bytes of a client reach the service.
    pub(super) fn deliver(&mut self, index: usize) {
        let cut = self.dice.chance(self.weights.of(Fault::Cut));
        let player = &mut self.players[index];
        player.delivering = false;
        if player.paused || player.life != self.life || !matches!(player.state, State::Playing) {
            return;
        }
        let id = player.id;
        let mut count = player.out.len().min(player.plan.part);
        if cut && count > 1 {
            count = 1 + self.dice.index(count - 1);
            self.counts_cut();
        }
        let player = &mut self.players[index];
        if count > 0 {
            let bytes: Vec<u8> = player.out.drain(..count).collect();
            player.delivered += count as u64;
            let (run, tag) = (player.plan.run.clone(), player.plan.tag.clone());
            let mut whole = Vec::new();
            while let Some((end, _)) = player.ends.front()
                && *end <= player.delivered
                && let Some((_, said)) = player.ends.pop_front()
            {
                whole.push(said);
            }
            // What the model knows must be known before the service can act upon it.
            for said in &whole {
                if matches!(said, Said::Teardown(_)) {
                    self.note_stop();
                }
                self.say(&format!("{id} > {}", said.name()));
                let log_exists = self.disk_has(said);
                self.model.said(self.life, &run, &tag, said, log_exists);
                self.see(Seen::Delivered { client: id, run: &run, tag: &tag, said });
            }
            self.give(ServiceInput::Received(id, Bytes::from(bytes)));
        }
        let player = &mut self.players[index];
        if player.out.is_empty() && player.half_closed {
            player.half_closed = false;
            self.give(ServiceInput::Ended(id));
        }
        self.deliver_soon(index);
    }

    fn disk_has(&self, said: &Said) -> bool {
        matches!(said, Said::Init(settings) if self.disk.file(settings.sync_file.as_deref().unwrap_or_default()).is_some())
    }

    pub(super) fn on_send(&mut self, client: ClientId, bytes: Bytes) {
        let Some(index) = self.player_of(client) else { return };
        self.say(&format!("{client} < len={}", bytes.len()));
        let hop = self.dice.time(HOP.0, HOP.1);
        let at = self.now.after(hop).max(self.players[index].deaf_until);
        let count = bytes.len();
        self.players[index].unread.push_back(bytes);
        self.agenda.add(at, Event::Read(index, count));
    }

    /// A client reads what came.
    pub(super) fn read(&mut self, index: usize, _count: usize) {
        let player = &mut self.players[index];
        if player.life != self.life || player.state == State::Dead {
            return;
        }
        if player.deaf_until > self.now {
            let at = player.deaf_until;
            return self.agenda.add(at, Event::Read(index, 0));
        }
        let Some(bytes) = player.unread.pop_front() else { return };
        let count = bytes.len();
        player.decoder.push(bytes);
        let mut answers = Vec::new();
        while let Ok(Some(body)) = player.decoder.next() {
            answers.push(ServerResponse::decode(&body[..]));
        }
        let id = player.id;
        self.give(ServiceInput::Sent(id, count));
        for answer in answers {
            match answer {
                Ok(answer) => self.on_answer(index, &answer),
                Err(error) => self.broken("answers-are-messages", format!("{id} got what is no answer: {error}")),
            }
        }
    }

    fn on_answer(&mut self, index: usize, answer: &ServerResponse) {
        let player = &mut self.players[index];
        let id = player.id;
        let awaited = player.waiting.take_if(|(known, ..)| *known == answer.request_id).map(|(_, said, _)| said);
        self.say(&format!("{id} . answer {:?} {}", answer.request_id, awaited.as_ref().map_or("", Said::name)));
        let good = !matches!(answer.server_response_type, Some(Answer::ErrorResponse(_)));
        let run = self.players[index].plan.run.clone();
        self.see(Seen::Answered { client: id, id: &answer.request_id, run: &run, said: awaited.as_ref(), good });
        let Some(said) = awaited else { return };
        let refused = self.look_at(index, &said, answer);
        if let Some(why) = refused {
            self.say(&format!("{id} . gives up: {why}"));
            let (run, life) = (self.players[index].plan.run.clone(), self.players[index].life);
            self.model.refused(life, &run, &said, &why);
            self.players[index].state = State::Refused;
            return;
        }
        let (run, tag, life) =
            (self.players[index].plan.run.clone(), self.players[index].plan.tag.clone(), self.players[index].life);
        if let Err(text) = self.model.answered(life, &run, &tag, &said, answer) {
            self.broken("replies", text);
        }
        self.agenda.add(self.now, Event::Play(index));
    }

    /// What an answer means to the script; why it can't go on, if it can't.
    fn look_at(&mut self, index: usize, said: &Said, answer: &ServerResponse) -> Option<String> {
        match (said, &answer.server_response_type) {
            (_, Some(Answer::ErrorResponse(error))) => Some(error.message.clone()),
            (Said::Run(_), Some(Answer::ResultCommunicate(result))) => match &result.result_type {
                Some(ResultType::RunResult(told)) => match (&told.error, &told.run) {
                    (Some(error), _) => Some(error.message.clone()),
                    (None, run) => {
                        self.players[index].run = run.clone().map(Box::new);
                        None
                    }
                },
                _ => None,
            },
            (Said::InitSync(..), Some(Answer::InitSyncResponse(begun))) => {
                let id = begun.id.clone();
                for act in &mut self.players[index].acts {
                    if let Act::Ask(Said::Sync(sync)) = act {
                        sync.clone_from(&id);
                    }
                }
                None
            }
            (Said::Sync(_), Some(Answer::SyncResponse(done))) => {
                done.messages.iter().find(|message| message.severity >= ERROR).map(|message| message.content.clone())
            }
            _ => None,
        }
    }

    pub(super) fn on_pause(&mut self, client: ClientId, paused: bool) {
        self.say(&format!("{client} < {}", if paused { "Pause" } else { "Resume" }));
        if let Some(index) = self.player_of(client) {
            self.players[index].paused = paused;
            self.deliver_soon(index);
        }
    }

    pub(super) fn on_close(&mut self, client: ClientId) {
        let Some(index) = self.player_of(client) else { return };
        let player = &mut self.players[index];
        if player.state == State::Playing {
            let over = player.acts.is_empty() && player.waiting.is_none();
            player.state = if over { State::Done } else { State::Refused };
        }
    }

    fn end_if_done(&mut self, index: usize) {
        let player = &mut self.players[index];
        if !player.out.is_empty() || player.half_closed {
            // Looked at again when the bytes are gone.
            let at = self.now.after(Duration::from_millis(1));
            return self.agenda.add(at, Event::Play(index));
        }
        player.state = State::Done;
        let id = player.id;
        self.give(ServiceInput::Ended(id));
    }

    fn player_of(&self, client: ClientId) -> Option<usize> {
        usize::try_from(client.0).ok()?.checked_sub(1).filter(|index| *index < self.players.len())
    }

    fn counts_cut(&mut self) {
        self.fired(Fault::Cut);
    }

    /// Clients that are not done, with what they wait for.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = &Player> {
        self.players.iter().filter(|player| matches!(player.state, State::Waiting | State::Playing))
    }
}
