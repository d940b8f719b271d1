//! The half of a run that talks to a server. It reads the run's own log and nothing else: what is on its way is an offset
//! into the log, never a copy of it, and a run that was cut short is taken up again from its log in the same way.
//!
//! [`Uplink`] puts its machines together as [`crate::Engine`] does: the reader gives records to the sender, which says what
//! they mean for the server; lines go to the file stream, files to the uploader; what the server has is remembered in the
//! cursor. [`route`] is the only place that knows who answers to whom.

mod credentials;
mod cursor;
mod ending;
mod reader;
mod report;
mod route;
mod store;
mod sync;

use crate::{
    completion::{Completion, FailureKind},
    defer::DeferState,
    effect::Effect,
    filestream::{self, FileStream},
    limits::Limits,
    net::{
        Link, Policies,
        credentials::{self as tokens, Ask, Credentials},
    },
    notice::Notice,
    rng::Rng,
    sender::{self, Sender},
    settings::{Config, text},
    time::{Instant, Timer, UnixNanos, Wake},
    uploader::{self, FilePolicy, Uploader},
};
use alloc::{boxed::Box, collections::VecDeque, format, string::String};
use bytes::Bytes;
use runwire_proto::wire;

pub use cursor::Cursor;
pub(crate) use cursor::SUFFIX as CURSOR_SUFFIX;
pub(crate) use reader::Source;
pub(crate) use report::{Left, Question, Report};
pub(crate) use sender::UpsertedRun;

/// What is passed to a machine of the uplink with each call and never stored.
pub(crate) struct Cx<'a> {
    pub(crate) now: Instant,
    pub(crate) wall: UnixNanos,
    pub(crate) limits: &'a Limits,
    pub(crate) rng: &'a mut Rng,
    /// Builds requests: addresses and headers of this run's server.
    pub(crate) link: &'a Link,
}

/// What the uplink itself is called with.
pub(crate) struct Env<'a> {
    pub(crate) now: Instant,
    pub(crate) wall: UnixNanos,
    pub(crate) limits: &'a Limits,
}

/// Where a run is on its server, in the server's own words: it may have renamed what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) entity: String,
    pub(crate) project: String,
    pub(crate) run_id: String,
}

/// Lines that the server already has of each file of the stream: the offset of the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offsets {
    pub(crate) history: u64,
    pub(crate) events: u64,
    pub(crate) console: u64,
}

/// Whose effect it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tag {
    Sender(sender::Tag),
    Stream(filestream::Tag),
    Uploader(uploader::Tag),
    /// A look at files for the uploader.
    Stat(uploader::Tag),
    /// A digest for the uploader.
    Hash(uploader::Tag),
    /// The next part of the log.
    Log,
    /// The cursor is read, at the start of a second life.
    LoadCursor,
    /// The cursor is written.
    StoreCursor,
    /// A file of the credentials.
    Credentials(Ask),
    /// A token is asked for.
    Exchange,
    /// The token is kept.
    StoreToken,
}

/// What the uplink wants from the engine around it.
#[derive(Debug)]
pub(crate) enum Action {
    Effect(Tag, Effect),
    /// The server has taken the run.
    Upserted(Box<UpsertedRun>),
    /// The server does not take the run.
    InitFailed(wire::ErrorInfo),
    /// The log can't be read; nothing of it will be uploaded.
    Unreadable(String),
    /// An earlier life has sent everything.
    AlreadyDelivered,
    /// The server wants the run to stop.
    Stopped,
    /// The condition of this stage holds.
    FlushDone(DeferState),
    /// The server has more than before.
    Progress,
    TellUser(String),
    Notice(Notice),
}

#[derive(Default)]
struct Queues {
    sender: VecDeque<sender::Action>,
    stream: VecDeque<filestream::Action>,
    uploader: VecDeque<uploader::Action>,
    credentials: VecDeque<tokens::Action<Tag>>,
}

/// Whether anything is still sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// The cursor of an earlier life is being read.
    Loading,
    Going,
    /// Nothing more reaches the server: it refused the run, or the time was over.
    Over,
}

/// The state of one run's upload.
pub(crate) struct Uplink {
    life: Life,
    /// The run's folder, for people.
    folder: String,
    /// The user wants the server to hear nothing of the end.
    quiet_end: bool,
    link: Link,
    credentials: Credentials<Tag>,
    rng: Rng,
    reader: reader::Reader,
    sender: Sender,
    stream: FileStream,
    uploader: Uploader,
    store: store::Store,
    queues: Queues,
    actions: VecDeque<Action>,
    /// The code that the server is to be told, once the exit was read.
    exit: Option<Option<i32>>,
    /// Offset in the log after the record that the sender was given last.
    mark: u64,
    /// The whole log was read.
    read_all: bool,
    stage: Option<DeferState>,
    /// The sender was told that it has read everything.
    flush_asked: bool,
    reread: Timer,
    /// How often the note of an earlier life could not be read.
    cursor_tries: u32,
    announce: Timer,
    announced: bool,
}

impl Uplink {
    /// The upload of a run that is being logged.
    pub(crate) fn live(config: &Config, seed: u64) -> Self {
        let source = match config.log_path() {
            Some(path) => Source::Live { path },
            None => Source::Memory,
        };
        let store = store::Store::new(config.log_path().map(|path| format!("{path}{CURSOR_SUFFIX}")));
        Uplink::new(config, seed, source, sender::Mode::Live, store, Life::Going)
    }

    fn new(config: &Config, seed: u64, source: Source, mode: sender::Mode, store: store::Store, life: Life) -> Self {
        let mut rng = Rng::new(seed);
        // Apart, so that what else is drawn does not depend on it.
        let mut ids = Rng::new(!seed);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        let started_ms = (config.settings.x_start_time.unwrap_or_default() * 1000.0) as u64;
        let policies = Policies::new(&config.settings);
        Uplink {
            life,
            folder: text(&config.settings.sync_dir).into(),
            quiet_end: config.settings.x_update_finish_state == Some(false),
            link: config.link.clone().for_writer(started_ms, (ids.next_u64(), ids.next_u64())),
            credentials: Credentials::new(&config.settings),
            reader: reader::Reader::new(source),
            sender: Sender::new(config, mode, rng.next_u64()),
            stream: FileStream::new(&config.settings, &policies, &config.limits),
            uploader: Uploader::new(&config.settings, &policies, config.files_dir()),
            rng,
            store,
            queues: Queues::default(),
            actions: VecDeque::new(),
            exit: None,
            mark: 0,
            read_all: false,
            stage: None,
            flush_asked: false,
            reread: Timer::new("uplink.reread"),
            cursor_tries: 0,
            announce: Timer::new("uplink.announce"),
            announced: false,
        }
    }

    pub(crate) fn pop_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Memory that the log's bytes take because there is no file.
    pub(crate) fn held_bytes(&self) -> usize {
        self.reader.held_bytes()
    }

    pub(crate) fn wake(&self) -> Option<Wake> {
        if self.life == Life::Over {
            return self.store.wake();
        }
        let machines = [self.sender.wake(), self.stream.wake(), self.uploader.wake(), self.credentials.wake()];
        let own = [self.store.wake(), self.reread.wake(), self.announce.wake()];
        machines.into_iter().chain(own).fold(None, Wake::soonest)
    }

    /// Bytes were appended to the run's log.
    pub(crate) fn on_durable(&mut self, env: &Env<'_>, at: u64, bytes: &Bytes) {
        if self.life == Life::Over {
            return;
        }
        self.reader.on_durable(at, bytes);
        self.pump(env);
    }

    /// A file that the run itself writes and wants on the server: now and as it changes, or at the end.
    pub(crate) fn on_own_file(&mut self, env: &Env<'_>, path: &str, now: bool) {
        let policy = if now { FilePolicy::Now } else { FilePolicy::End };
        self.with_uploader(env, |uploader, cx, out| {
            uploader.on_file(cx, path, policy, uploader::Kind::Wandb, out);
        });
        self.pump(env);
    }

    /// The outcome of an effect.
    pub(crate) fn on_completed(&mut self, env: &Env<'_>, tag: Tag, completion: Completion) {
        if self.life == Life::Over && tag != Tag::StoreCursor {
            return;
        }
        match (tag, completion) {
            (tag @ (Tag::Sender(_) | Tag::Stream(_) | Tag::Uploader(_)), completion) => {
                if let Some(outcome) = completion.into_http() {
                    self.on_answer(env, tag, outcome);
                }
            }
            (Tag::Credentials(ask), Completion::Read(bytes)) => self.on_identity(env, ask, Ok(bytes)),
            (Tag::Credentials(ask), Completion::Failed(failure)) => self.on_identity(env, ask, Err(failure)),
            (Tag::Exchange, completion) => {
                if let Some(outcome) = completion.into_http() {
                    self.with_credentials(env, |credentials, cx, out| credentials.on_http(cx, outcome, out));
                }
            }
            (Tag::StoreToken, completion) => self.on_token_stored(completion),
            (Tag::Stat(tag), Completion::Stats(stats)) => {
                self.with_uploader(env, |uploader, cx, out| uploader.on_stats(cx, tag, Ok(stats), out));
            }
            (Tag::Stat(tag), Completion::Failed(failure)) => {
                self.with_uploader(env, |uploader, cx, out| uploader.on_stats(cx, tag, Err(failure), out));
            }
            (Tag::Hash(tag), Completion::Hashed(digest)) => {
                self.with_uploader(env, |uploader, cx, out| uploader.on_hashed(cx, tag, Ok(digest), out));
            }
            (Tag::Hash(tag), Completion::Failed(failure)) => {
                self.with_uploader(env, |uploader, cx, out| uploader.on_hashed(cx, tag, Err(failure), out));
            }
            (Tag::Log, Completion::Read(bytes)) => self.on_log_read(env, Ok(bytes)),
            (Tag::Log, Completion::Failed(failure)) => self.on_log_read(env, Err(failure)),
            (Tag::LoadCursor, Completion::Read(bytes)) => self.on_cursor_read(env, &bytes),
            (Tag::LoadCursor, Completion::Failed(failure)) if failure.kind != FailureKind::NotFound => {
                self.on_cursor_unreadable(env, &failure);
            }
            (Tag::LoadCursor, _) => self.on_cursor_read(env, &[]),
            (Tag::StoreCursor, Completion::Failed(failure)) => self.on_cursor_not_stored(env, &failure),
            (Tag::StoreCursor, _) => self.on_cursor_stored(),
            // No other completion answers these (`Completion::answers`).
            (Tag::Log | Tag::Stat(_) | Tag::Hash(_) | Tag::Credentials(_), _) => {}
        }
        self.pump(env);
    }

    pub(crate) fn on_tick(&mut self, env: &Env<'_>) {
        self.store_if_due(env);
        if self.life == Life::Over {
            return;
        }
        if self.reread.take_due(env.now) {
            if self.life == Life::Loading {
                return self.begin(env);
            }
            self.reader.retry();
        }
        if self.announce.take_due(env.now) {
            self.say_what_is_awaited(env);
        }
        self.with_sender(env, |sender, cx, out| sender.on_tick(cx, out));
        self.with_stream(env, |stream, cx, out| stream.on_tick(cx, out));
        self.with_uploader(env, |uploader, cx, out| uploader.on_tick(cx, out));
        self.with_credentials(env, |credentials, cx, out| credentials.on_tick(cx, out));
        self.pump(env);
    }

    fn with_sender(
        &mut self,
        env: &Env<'_>,
        call: impl FnOnce(&mut Sender, &mut Cx<'_>, &mut VecDeque<sender::Action>),
    ) {
        let Uplink { sender, rng, link, queues, .. } = self;
        let mut cx = Cx { now: env.now, wall: env.wall, limits: env.limits, rng, link };
        call(sender, &mut cx, &mut queues.sender);
    }

    fn with_stream(
        &mut self,
        env: &Env<'_>,
        call: impl FnOnce(&mut FileStream, &mut Cx<'_>, &mut VecDeque<filestream::Action>),
    ) {
        let Uplink { stream, rng, link, queues, .. } = self;
        let mut cx = Cx { now: env.now, wall: env.wall, limits: env.limits, rng, link };
        call(stream, &mut cx, &mut queues.stream);
    }

    fn with_uploader(
        &mut self,
        env: &Env<'_>,
        call: impl FnOnce(&mut Uploader, &mut Cx<'_>, &mut VecDeque<uploader::Action>),
    ) {
        let Uplink { uploader, rng, link, queues, .. } = self;
        let mut cx = Cx { now: env.now, wall: env.wall, limits: env.limits, rng, link };
        call(uploader, &mut cx, &mut queues.uploader);
    }
}
