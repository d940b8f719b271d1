//! `init_sync`, `sync` and `sync_status`: uploads of logs that are there already, several at a time, with what their user is
//! to read meanwhile.
//!
//! Logs of one run follow each other by the time they began, which their first records tell; others go side by side.

use super::{Service, ServiceOutput, order, response};
use crate::{
    completion::Completion,
    effect::Effect,
    error::InputError,
    id::{ClientId, EffectId, StreamKey},
    input::{CloseReason, Input},
    output::Output,
    settings::Config,
    sync::{Overrides, Severity, SyncRun},
    time::{Timer, Wake},
};
use alloc::{
    collections::{BTreeMap, VecDeque},
    format,
    string::{String, ToString},
    vec::Vec,
};
use runwire_proto::wire::{self, server_response::ServerResponseType as Answer};

/// Messages that are kept until they are asked for.
const MESSAGES_MAX: usize = 128;

/// All that was asked for with one `init_sync`.
pub(super) struct Operation {
    client: ClientId,
    settings: wire::Settings,
    overrides: Overrides,
    follow: bool,
    /// Logs at a time.
    side_by_side: usize,
    /// Logs whose beginnings are to be read, and those that were: which is the older one?
    unread: VecDeque<String>,
    read: Vec<(String, Option<wire::RunRecord>)>,
    /// Logs that wait, those of one run together.
    groups: VecDeque<VecDeque<String>>,
    /// Who waits for the end, once it was started.
    asker: Option<String>,
    messages: Vec<wire::ServerSyncMessage>,
    running: usize,
}

/// One log that is being uploaded.
pub(super) struct Upload {
    operation: String,
    run: SyncRun,
    wake: Option<Wake>,
    /// Logs of the same run that follow.
    rest: VecDeque<String>,
}

/// The state of all uploads of a service.
#[derive(Default)]
pub(super) struct Uploads {
    operations: BTreeMap<String, Operation>,
    running: BTreeMap<StreamKey, Upload>,
    /// Beginnings that are being read.
    looks: BTreeMap<StreamKey, Look>,
    last: u64,
}

/// The beginning of one log is being read.
struct Look {
    operation: String,
    path: String,
    deadline: Timer,
}

/// Each look has one effect.
const LOOK_EFFECT: EffectId = EffectId(1);

impl Uploads {
    pub(super) fn wake(&self) -> Option<Wake> {
        let uploads = self.running.values().filter_map(|upload| upload.wake);
        uploads.chain(self.looks.values().filter_map(|look| look.deadline.wake())).min_by_key(|wake| wake.at)
    }
}

impl Service {
    pub(super) fn on_init_sync(&mut self, client: ClientId, request_id: &str, init: wire::ServerInitSyncRequest) {
        let Some(settings) = init.settings else {
            return self.decline(client, request_id, "The sync request carries no settings.".into());
        };
        let mut operation = Operation {
            client,
            settings,
            overrides: Overrides {
                entity: init.new_entity,
                project: init.new_project,
                run_id: init.new_run_id,
                job_type: init.new_job_type,
                tag_replacements: init.tag_replacements.into_iter().collect(),
            },
            follow: init.live,
            side_by_side: 1,
            unread: VecDeque::new(),
            read: Vec::new(),
            groups: VecDeque::new(),
            asker: None,
            messages: Vec::new(),
            running: 0,
        };
        for path in init.path {
            match resolve(&path, &init.cwd) {
                Some(path) if operation.unread.contains(&path) => {}
                Some(path) => operation.unread.push_back(path),
                None => operation.say(Severity::Error, format!("Failed to resolve {path:?}, skipping.")),
            }
        }
        let id = format!("sync-{}", self.uploads.last);
        self.uploads.last += 1;
        self.uploads.operations.insert(id.clone(), operation);
        self.send(client, response::of(request_id, Answer::InitSyncResponse(wire::ServerInitSyncResponse { id })));
    }

    pub(super) fn on_sync(&mut self, client: ClientId, request_id: &str, sync: &wire::ServerSyncRequest) {
        match self.uploads.operations.get_mut(&sync.id) {
            Some(operation) if operation.asker.is_none() => {
                operation.asker = Some(request_id.to_string());
                operation.client = client;
                // None at a time would never end.
                operation.side_by_side = usize::try_from(sync.parallelism.clamp(1, 64)).unwrap_or(1);
                if let [_] = operation.unread.make_contiguous() {
                    // Nothing to put in order.
                    let only = operation.unread.drain(..).collect();
                    operation.groups.push_back(only);
                }
                self.look_on(&sync.id);
            }
            Some(_) | None => {
                let content = format!("Internal error: operation unknown or already started: {}", sync.id);
                let messages = alloc::vec![message(Severity::Error, content)];
                self.send(
                    client,
                    response::of(request_id, Answer::SyncResponse(wire::ServerSyncResponse { messages })),
                );
            }
        }
    }

    pub(super) fn on_sync_status(&mut self, client: ClientId, request_id: &str, id: &str) {
        let mut status = wire::ServerSyncStatusResponse::default();
        if let Some(operation) = self.uploads.operations.get_mut(id)
            && operation.asker.is_some()
        {
            status.new_messages = core::mem::take(&mut operation.messages);
            let uploads = self.uploads.running.values_mut().filter(|upload| upload.operation == id);
            status.stats = uploads.map(|upload| upload.run.operations()).collect();
        }
        self.send(client, response::of(request_id, Answer::SyncStatusResponse(status)));
    }

    /// Ends the operation that this request of a client has started. Returns whether there is one.
    pub(super) fn cancel_sync(&mut self, client: ClientId, request_id: &str) -> bool {
        let asked =
            |operation: &Operation| operation.client == client && operation.asker.as_deref() == Some(request_id);
        let Some(id) = self.uploads.operations.iter().find(|(_, o)| asked(o)).map(|(id, _)| id.clone()) else {
            return false;
        };
        self.end_operation(&id, "Cancelled.");
        true
    }

    /// The client is gone: nobody waits for its uploads, and what was delivered is remembered.
    pub(super) fn end_syncs_of(&mut self, client: ClientId) {
        let of_client = self.uploads.operations.iter().filter(|(_, operation)| operation.client == client);
        for id in of_client.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.end_operation(&id, "Cancelled.");
        }
    }

    pub(super) fn uploads_have(&self, key: StreamKey) -> bool {
        self.uploads.running.contains_key(&key) || self.uploads.looks.contains_key(&key)
    }

    /// Reads the next beginning; once there is none left, the uploads start.
    fn look_on(&mut self, id: &str) {
        let Some(operation) = self.uploads.operations.get_mut(id) else { return };
        if let Some(path) = operation.unread.pop_front() {
            let effect = Effect::ReadFile { path: path.clone(), at: 0, len: order::HEAD_BYTES };
            let mut deadline = Timer::new("service.look");
            deadline.set(self.last_now.after(self.config.limits.disk_deadline));
            self.last_stream += 1;
            let key = StreamKey(self.last_stream);
            self.uploads.looks.insert(key, Look { operation: id.into(), path, deadline });
            self.outbox.push_back(ServiceOutput::Effect(key, LOOK_EFFECT, effect));
            return;
        }
        let read = core::mem::take(&mut operation.read);
        operation.groups.extend(order::groups(read, &operation.overrides));
        for _ in 0..operation.side_by_side {
            self.start_next_group(id);
        }
        self.end_operation_if_done(id);
    }

    /// A beginning was read, or can't be: then nobody knows when that run began.
    fn looked(&mut self, key: StreamKey, completion: Option<&Completion>) {
        let Some(look) = self.uploads.looks.remove(&key) else { return };
        let run = match completion {
            Some(Completion::Read(head)) => order::run_of(head),
            Some(_) | None => None,
        };
        if let Some(operation) = self.uploads.operations.get_mut(&look.operation) {
            operation.read.push((look.path, run));
        }
        self.look_on(&look.operation);
    }

    /// Gives an outcome to an upload. `None`: the key is not one.
    pub(super) fn on_upload_completed(
        &mut self,
        key: StreamKey,
        id: EffectId,
        completion: Completion,
    ) -> Option<Result<(), InputError>> {
        if self.uploads.looks.contains_key(&key) {
            if id != LOOK_EFFECT {
                return Some(Err(InputError::UnknownEffect(id)));
            }
            self.looked(key, Some(&completion));
            return Some(Ok(()));
        }
        let upload = self.uploads.running.get_mut(&key)?;
        let taken = upload.run.handle_input(self.last_now, Input::Completed(id, completion));
        if taken.is_ok() {
            self.drain_upload(key);
        }
        Some(taken)
    }

    pub(super) fn tick_uploads(&mut self) {
        let now = self.last_now;
        let due = |upload: &Upload| upload.wake.is_some_and(|wake| wake.at <= now);
        let keys: Vec<StreamKey> = self.uploads.running.iter().filter(|(_, u)| due(u)).map(|(key, _)| *key).collect();
        for key in keys {
            self.feed_upload(key, Input::Tick);
        }
        let late = |look: &Look| look.deadline.wake().is_some_and(|wake| wake.at <= now);
        let keys: Vec<StreamKey> = self.uploads.looks.iter().filter(|(_, l)| late(l)).map(|(key, _)| *key).collect();
        for key in keys {
            self.outbox.push_back(ServiceOutput::Cancel(key, LOOK_EFFECT));
            self.looked(key, None);
        }
    }

    fn end_operation(&mut self, id: &str, why: &str) {
        let Some(operation) = self.uploads.operations.get_mut(id) else { return };
        operation.groups.clear();
        operation.unread.clear();
        operation.read.clear();
        operation.say(Severity::Error, why.to_string());
        let looks = self.uploads.looks.extract_if(.., |_, look| look.operation == id);
        self.outbox.extend(looks.map(|(key, _)| ServiceOutput::Cancel(key, LOOK_EFFECT)));
        let of_operation = self.uploads.running.iter_mut().filter(|(_, upload)| upload.operation == id);
        let keys: Vec<StreamKey> = of_operation
            .map(|(key, upload)| {
                upload.rest.clear();
                *key
            })
            .collect();
        for key in keys {
            self.feed_upload(key, Input::Close(CloseReason::Finish));
        }
        self.end_operation_if_done(id);
    }

    fn start_next_group(&mut self, id: &str) {
        let Some(operation) = self.uploads.operations.get_mut(id) else { return };
        if let Some(group) = operation.groups.pop_front() {
            operation.running += 1;
            self.start_next(id, group);
        }
    }

    /// Starts the first log of a group whose turn has come.
    fn start_next(&mut self, id: &str, mut group: VecDeque<String>) {
        let (now, wall) = (self.last_now, self.wall());
        let Some(operation) = self.uploads.operations.get_mut(id) else { return };
        let Some(path) = group.pop_front() else {
            operation.running -= 1;
            self.start_next_group(id);
            return;
        };
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let settings = wire::Settings {
            offline: None,
            finish_timeout: None,
            init_timeout: None,
            sync_dir: Some(folder.into()),
            ..operation.settings.clone()
        };
        let config = Config {
            limits: self.config.limits.clone(),
            utc_offset_seconds: self.config.utc_offset_seconds,
            ..Config::new(settings)
        };
        let (overrides, follow) = (operation.overrides.clone(), operation.follow);
        let run = SyncRun::new(config, path, overrides, follow, self.rng.next_u64(), now, wall);
        self.last_stream += 1;
        let key = StreamKey(self.last_stream);
        self.uploads.running.insert(key, Upload { operation: id.into(), run, wake: None, rest: group });
        self.drain_upload(key);
    }

    fn feed_upload(&mut self, key: StreamKey, input: Input) {
        let Some(upload) = self.uploads.running.get_mut(&key) else { return };
        let taken = upload.run.handle_input(self.last_now, input);
        debug_assert!(taken.is_ok(), "uploads are drained after each input");
        self.drain_upload(key);
    }

    fn drain_upload(&mut self, key: StreamKey) {
        loop {
            let Some(upload) = self.uploads.running.get_mut(&key) else { return };
            let output = upload.run.poll_output();
            let label = upload.run.label();
            if let Some(operation) = self.uploads.operations.get_mut(&upload.operation) {
                for (severity, text) in upload.run.take_messages() {
                    operation.say(severity, format!("{label}{text}"));
                }
            }
            match output {
                Output::Effect(id, effect) => self.outbox.push_back(ServiceOutput::Effect(key, id, effect)),
                Output::Cancel(id) => self.outbox.push_back(ServiceOutput::Cancel(key, id)),
                Output::Notice(notice) => self.outbox.push_back(ServiceOutput::Notice(None, notice)),
                // Nobody asks an upload.
                Output::Reply(..) => {}
                Output::Wait(wake) => {
                    upload.wake = wake;
                    return;
                }
                Output::Finished(_) => return self.on_upload_finished(key),
            }
        }
    }

    fn on_upload_finished(&mut self, key: StreamKey) {
        let Some(upload) = self.uploads.running.remove(&key) else { return };
        let failed = upload.run.outcome().error.is_some();
        let Some(operation) = self.uploads.operations.get_mut(&upload.operation) else { return };
        if failed && !upload.rest.is_empty() {
            let left: Vec<&str> = upload.rest.iter().map(String::as_str).collect();
            let text = format!("Later parts of the same run were not uploaded: {}", left.join(", "));
            operation.say(Severity::Error, text);
        }
        let rest = if failed { VecDeque::new() } else { upload.rest };
        self.start_next(&upload.operation, rest);
        self.end_operation_if_done(&upload.operation);
    }

    fn end_operation_if_done(&mut self, id: &str) {
        let done =
            |operation: &Operation| operation.running == 0 && operation.groups.is_empty() && operation.asker.is_some();
        if self.uploads.looks.values().any(|look| look.operation == id) {
            return;
        }
        if self.uploads.operations.get(id).is_some_and(done)
            && let Some(operation) = self.uploads.operations.remove(id)
        {
            let answer = Answer::SyncResponse(wire::ServerSyncResponse { messages: operation.messages });
            self.send(operation.client, response::of(operation.asker.as_deref().unwrap_or_default(), answer));
        }
    }
}

impl Operation {
    fn say(&mut self, severity: Severity, content: String) {
        if self.messages.len() < MESSAGES_MAX {
            self.messages.push(message(severity, content));
        }
    }
}

/// A message in the protocol's form; its severities are those of Python's logging.
fn message(severity: Severity, content: String) -> wire::ServerSyncMessage {
    let severity = match severity {
        Severity::Info => 20,
        Severity::Warning => 30,
        Severity::Error => 40,
    };
    wire::ServerSyncMessage { severity, content }
}

/// The path as this process has to open it.
fn resolve(path: &str, cwd: &str) -> Option<String> {
    let absolute = |path: &str| path.starts_with('/') || path.get(1..3).is_some_and(|at| at == ":\\" || at == ":/");
    if absolute(path) || cwd.is_empty() {
        return (!path.is_empty()).then(|| path.to_string());
    }
    (absolute(cwd) && !path.is_empty()).then(|| format!("{}/{path}", cwd.trim_end_matches('/')))
}
