//! The runs of a service: their engines, and whose answer is whose.

use super::{RunPlace, Service, ServiceOutput, response};
use crate::{
    completion::Completion,
    engine::Engine,
    error::InputError,
    id::{ClientId, EffectId, StreamKey},
    input::Input,
    output::{Output, Reply, Summary},
    settings::{Config, text},
    time::Wake,
};
use alloc::{string::String, vec::Vec};
use bytes::Bytes;
use prost::Message;
use runwire_proto::wire;

pub(super) struct Stream {
    pub(super) engine: Engine,
    pub(super) wake: Option<Wake>,
    /// The settings as they came, for processes that attach. They may hold a key and are never printed.
    pub(super) settings: Bytes,
    pub(super) silent: bool,
    /// No record is taken any more.
    pub(super) closing: bool,
    /// Closed by the service and not by its client: the user gets a footer.
    pub(super) footer: bool,
    id: String,
}

/// Who waits for an answer.
pub(super) struct Asker {
    pub(super) client: ClientId,
    pub(super) request_id: String,
    pub(super) stream: StreamKey,
}

impl Service {
    pub(super) fn start_stream(&mut self, client: ClientId, request_id: &str, id: String, settings: wire::Settings) {
        self.last_stream += 1;
        let key = StreamKey(self.last_stream);
        let ticket = self.ticket(client, request_id, key);
        let raw = Bytes::from(settings.encode_to_vec());
        let place = RunPlace {
            run_id: id.clone(),
            sync_dir: text(&settings.sync_dir).into(),
            debug_log: text(&settings.log_internal).into(),
        };
        let silent = settings.silent.unwrap_or(false);
        let config = Config {
            write_policy: self.config.write_policy,
            limits: self.config.limits.clone(),
            write_summary_files: self.config.write_summary_files,
            utc_offset_seconds: self.config.utc_offset_seconds,
            current_dir: self.config.current_dir.clone(),
            slurm: self.config.slurm.clone(),
            ..Config::new(settings)
        };
        let engine = Engine::new(config, self.rng.next_u64(), self.last_now, self.wall(), ticket);
        let stream =
            Stream { engine, wake: None, settings: raw, silent, closing: false, footer: false, id: id.clone() };
        self.streams.insert(key, stream);
        self.by_id.insert(id, key);
        self.outbox.push_back(ServiceOutput::Started(key, place));
        self.drain(key);
    }

    /// Gives an input to a run and takes what it says.
    pub(super) fn feed(&mut self, key: StreamKey, input: Input) {
        let Some(stream) = self.streams.get_mut(&key) else { return };
        stream.closing |= matches!(input, Input::Close(_));
        self.feeding = Some(key);
        let taken = stream.engine.handle_input(self.last_now, input);
        debug_assert!(taken.is_ok(), "engines are drained after each input");
        self.drain(key);
        self.feeding = None;
    }

    /// To be called when `handle_input` has panicked and the panic was caught: the run that it happened in is given up,
    /// whoever waits for it is told, and the other runs go on. Give a tick next: requests that had come with the one that
    /// panicked are taken then.
    pub fn recover_from_panic(&mut self) {
        self.drained = true;
        self.stalled.extend(self.connections.keys());
        self.give_up_panicked_api();
        let Some(key) = self.feeding.take() else { return };
        let Some(stream) = self.streams.remove(&key) else { return };
        self.by_id.retain(|_, known| *known != key);
        let waiting: Vec<_> = self.tickets.iter().filter(|(_, a)| a.stream == key).map(|(ticket, _)| *ticket).collect();
        for ticket in waiting {
            let Some(asker) = self.tickets.remove(&ticket) else { continue };
            if let Some(connection) = self.connections.get_mut(&asker.client) {
                connection.waits.retain(|_, waiting| *waiting != ticket);
            }
            let why = "This run was ended by a bug in runwire; its log holds what was stored before.";
            self.send(asker.client, response::error(&asker.request_id, why));
        }
        self.outbox
            .push_back(ServiceOutput::Ended(key, Summary { accounts: stream.engine.accounts(), ..Summary::default() }));
        self.drained = false;
    }

    pub(super) fn on_completed(
        &mut self,
        key: StreamKey,
        id: EffectId,
        completion: Completion,
    ) -> Result<(), InputError> {
        if key == super::api::OWN {
            return self.on_own_completed(id, completion);
        }
        if self.uploads_have(key) {
            return self.on_upload_completed(key, id, completion).unwrap_or(Ok(()));
        }
        let Some(stream) = self.streams.get_mut(&key) else { return Ok(()) };
        self.feeding = Some(key);
        let taken = stream.engine.handle_input(self.last_now, Input::Completed(id, completion));
        if taken.is_ok() {
            self.drain(key);
        }
        self.feeding = None;
        taken
    }

    pub(super) fn on_moving(&mut self, key: StreamKey, id: EffectId) {
        if self.streams.contains_key(&key) {
            self.feed(key, Input::Moving(id));
        } else {
            self.feed_upload(key, Input::Moving(id));
        }
    }

    pub(super) fn tick_streams(&mut self) {
        let now = self.last_now;
        let due = |stream: &Stream| stream.wake.is_some_and(|wake| wake.at <= now);
        let keys: Vec<StreamKey> = self.streams.iter().filter(|(_, s)| due(s)).map(|(key, _)| *key).collect();
        for key in keys {
            self.feed(key, Input::Tick);
        }
    }

    /// The long polls of a client that sends no more are over; runs that it began go on.
    pub(super) fn end_polls(&mut self, client: ClientId) {
        let Some(connection) = self.connections.get(&client) else { return };
        let mut keys: Vec<StreamKey> =
            connection.waits.values().filter_map(|ticket| self.tickets.get(ticket)).map(|asker| asker.stream).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            self.feed(key, Input::ClientGone(client));
        }
    }

    fn drain(&mut self, key: StreamKey) {
        loop {
            let Some(stream) = self.streams.get_mut(&key) else { return };
            match stream.engine.poll_output() {
                Output::Effect(id, effect) => self.outbox.push_back(ServiceOutput::Effect(key, id, effect)),
                Output::Cancel(id) => self.outbox.push_back(ServiceOutput::Cancel(key, id)),
                Output::Notice(notice) => self.outbox.push_back(ServiceOutput::Notice(Some(key), notice)),
                Output::Reply(ticket, reply) => {
                    let Some(asker) = self.tickets.remove(&ticket) else { continue };
                    if let Some(connection) = self.connections.get_mut(&asker.client)
                        && connection.waits.get(&asker.request_id) == Some(&ticket)
                    {
                        connection.waits.remove(&asker.request_id);
                    }
                    let frame = match reply {
                        Reply::Result(result) => response::result(&asker.request_id, &result),
                        Reply::Opened => response::empty(&asker.request_id),
                        Reply::Error(message) => response::error(&asker.request_id, &message),
                    };
                    self.send(asker.client, frame);
                    self.close_if_over(asker.client);
                }
                Output::Wait(wake) => {
                    stream.wake = wake;
                    return;
                }
                Output::Finished(summary) => return self.on_stream_finished(key, summary),
            }
        }
    }

    fn on_stream_finished(&mut self, key: StreamKey, summary: Summary) {
        let Some(stream) = self.streams.remove(&key) else { return };
        if self.by_id.get(&stream.id) == Some(&key) {
            self.by_id.remove(&stream.id);
        }
        if stream.footer && !stream.silent {
            self.outbox.push_back(ServiceOutput::Print(super::stopping::footer(&stream.engine, &summary)));
        }
        self.outbox.push_back(ServiceOutput::Ended(key, summary));
    }
}
