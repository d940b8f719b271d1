//! The writer: owns the append cursor, the batch in memory, and what is known to be on disk.
//!
//! It numbers records and lays them out as log bytes; it does not know what they mean, nor any network.
//! One append is outstanding at a time, so appends reach the file in order (law L2), and a failed one is given again at
//! the same offset, which is harmless. A batch goes out when it is large or when its oldest record is
//! [`WritePolicy::flush_interval`] old: that bounds what a kill of this process can lose.

mod accounts;

pub use accounts::{Accounts, Refusal};

use crate::{
    completion::{Failure, FailureKind},
    limits::Limits,
    retry::Backoff,
    time::{Duration, Instant, Timer, Wake},
};
use alloc::{collections::VecDeque, string::String, vec::Vec};
use bytes::Bytes;
use prost::encoding::{WireType, encode_key, encode_varint};
use runwire_proto::log::LogWriter;

/// When log bytes are handed to the operating system, and when they are made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WritePolicy {
    /// Longest time an accepted record stays in this process's memory while the disk works. Default 50 ms.
    pub flush_interval: Duration,
    /// When `fsync` is called.
    pub sync: SyncPolicy,
}

/// When the log is forced to the device. Whatever was appended survives the death of any process without it; only a
/// power cut or a crash of the operating system needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Never.
    Never,
    /// Before the exit is answered.
    AtExit,
    /// After every append.
    EachAppend,
}

impl Default for WritePolicy {
    fn default() -> Self {
        WritePolicy { flush_interval: Duration::from_millis(50), sync: SyncPolicy::AtExit }
    }
}

/// What the writer wants done or known.
#[derive(Debug, PartialEq)]
pub(crate) enum Action {
    Append {
        at: u64,
        bytes: Bytes,
    },
    Sync {
        upto: u64,
    },
    Close,
    /// These bytes are in the file, or, without a log, as safe as they will be. Only if somebody reads along.
    Durable {
        at: u64,
        bytes: Bytes,
    },
    /// The flush that was asked for is complete; `Err` if the disk would not take everything.
    FlushDone(Result<(), String>),
    /// The disk began to fail.
    Failing(Failure),
    /// The disk works again.
    Recovered {
        refused: u64,
    },
    Closed,
}

/// What to store.
pub(crate) enum Entry<'a> {
    /// A client's own message, without the fields that the writer sets.
    Raw(&'a [u8]),
    /// The exit record, as `Raw`. There is one per run and it is always taken: a full memory must not hide how a run ended.
    Exit(&'a [u8]),
    /// The body of a message that the engine made, and the number of its field in `Record`.
    Made(u32, &'a [u8]),
}

#[derive(Debug)]
struct InFlight {
    at: u64,
    bytes: Bytes,
    records: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Log {
    Opening,
    Open,
    /// The run keeps no log: records are counted and forgotten.
    None,
    Closing,
    Closed,
}

pub(crate) struct Writer {
    policy: WritePolicy,
    log: Log,
    layout: LogWriter,
    scratch: Vec<u8>,
    pending: Vec<u8>,
    pending_at: u64,
    pending_records: u64,
    /// Full batches behind an append that is outstanding or failing, oldest first, and their bytes.
    waiting: VecDeque<InFlight>,
    waiting_bytes: usize,
    in_flight: Option<InFlight>,
    /// An append that failed and waits for its next try.
    failed: Option<InFlight>,
    backoff: Backoff,
    next_num: i64,
    appended_upto: u64,
    synced_upto: u64,
    sync_in_flight: bool,
    flush_wanted: bool,
    /// The log is to be forced to the device once everything is in it, while others go on.
    sync_early: bool,
    accounts: Accounts,
    flush_timer: Timer,
    retry_timer: Timer,
    /// Somebody reads along.
    followed: bool,
}

impl Writer {
    /// `followed`: say what has become durable.
    pub(crate) fn new(policy: WritePolicy, limits: &Limits, has_log: bool, followed: bool) -> Self {
        let mut pending = Vec::new();
        let layout = LogWriter::create(&mut pending);
        Writer {
            policy,
            log: if has_log { Log::Opening } else { Log::None },
            layout,
            scratch: Vec::new(),
            pending,
            pending_at: 0,
            pending_records: 0,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            in_flight: None,
            failed: None,
            backoff: Backoff::new(limits.append_retry),
            next_num: 1,
            appended_upto: 0,
            synced_upto: 0,
            sync_in_flight: false,
            flush_wanted: false,
            sync_early: false,
            accounts: Accounts::default(),
            flush_timer: Timer::new("writer.flush"),
            retry_timer: Timer::new("writer.retry"),
            followed,
        }
    }

    pub(crate) fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    pub(crate) fn wake(&self) -> Option<Wake> {
        Wake::soonest(self.flush_timer.wake(), self.retry_timer.wake())
    }

    /// Log bytes that are in memory only.
    pub(crate) fn backlog_bytes(&self) -> usize {
        let held = |part: &Option<InFlight>| part.as_ref().map_or(0, |p| p.bytes.len());
        self.pending.len() + self.waiting_bytes + held(&self.in_flight) + held(&self.failed)
    }

    /// Whether the last append failed and none has succeeded since.
    pub(crate) fn is_failing(&self) -> bool {
        self.backoff.attempts() > 0
    }

    /// Takes one record: numbers it and lays it out.
    pub(crate) fn on_persist(&mut self, now: Instant, limits: &Limits, entry: Entry<'_>, out: &mut VecDeque<Action>) {
        self.accounts.accepted += 1;
        let num = self.next_num;
        self.next_num += 1;
        match self.log {
            Log::None if !self.followed => {
                self.accounts.stored += 1;
                return;
            }
            Log::Closing | Log::Closed => return self.accounts.refuse(Refusal::Closed, 1),
            Log::None | Log::Opening | Log::Open => {}
        }
        // A record that cannot be kept is refused before it is laid out, so that the log stays whole; the gap in the
        // numbers shows it.
        let bounded = !matches!(entry, Entry::Exit(_));
        if bounded && self.is_failing() && self.backlog_bytes() >= limits.backlog_bytes_hard {
            return self.accounts.refuse(Refusal::DiskFailed, 1);
        }
        self.scratch.clear();
        self.scratch.push(0x08);
        encode_varint(num as u64, &mut self.scratch);
        match entry {
            Entry::Raw(message) | Entry::Exit(message) => self.scratch.extend_from_slice(message),
            Entry::Made(field, body) => {
                encode_key(field, WireType::LengthDelimited, &mut self.scratch);
                encode_varint(body.len() as u64, &mut self.scratch);
                self.scratch.extend_from_slice(body);
            }
        }
        self.layout.push(&self.scratch, &mut self.pending);
        if self.log == Log::None {
            self.accounts.stored += 1;
            let bytes = Bytes::from(core::mem::take(&mut self.pending));
            let at = self.pending_at;
            self.pending_at += bytes.len() as u64;
            out.push_back(Action::Durable { at, bytes });
            return;
        }
        self.pending_records += 1;
        if self.pending.len() >= limits.append_bytes_max {
            let batch = self.seal(limits);
            self.waiting_bytes += batch.bytes.len();
            self.waiting.push_back(batch);
            self.append(limits, out);
        } else {
            self.flush_timer.set_if_idle(now.after(self.policy.flush_interval));
        }
        if self.scratch.capacity() > limits.append_bytes_max {
            self.scratch = Vec::new();
        }
    }

    /// Hands over what is there without waiting for more: somebody waits for it.
    pub(crate) fn hurry(&mut self, limits: &Limits, out: &mut VecDeque<Action>) {
        self.append(limits, out);
        // What can't go now goes as soon as the outstanding append is over.
        self.flush_timer.cancel();
    }

    /// The end has come: hands everything over and forces it to the device, so that less is left to wait for when
    /// [`Writer::on_flush`] asks. Nobody is told of the outcome.
    pub(crate) fn begin_flush(&mut self, limits: &Limits, out: &mut VecDeque<Action>) {
        self.hurry(limits, out);
        self.sync_early = self.policy.sync != SyncPolicy::Never;
        self.sync_if_early(out);
    }

    /// Asks for everything to be on disk. Answered by [`Action::FlushDone`].
    pub(crate) fn on_flush(&mut self, limits: &Limits, out: &mut VecDeque<Action>) {
        self.flush_wanted = true;
        self.append(limits, out);
        self.settle_flush(out);
    }

    /// Gives up waiting for the disk: nothing more is retried.
    pub(crate) fn on_give_up(&mut self) {
        self.retry_timer.cancel();
        self.flush_timer.cancel();
        self.flush_wanted = false;
    }

    /// Closes the log once nothing is outstanding; what the disk has not taken is counted as lost.
    pub(crate) fn on_close(&mut self, out: &mut VecDeque<Action>) {
        let lost = |part: &Option<InFlight>| part.as_ref().map_or(0, |p| p.records);
        let waiting: u64 = self.waiting.iter().map(|batch| batch.records).sum();
        let records = self.pending_records + waiting + lost(&self.in_flight) + lost(&self.failed);
        self.on_give_up();
        match self.log {
            Log::Open => {
                self.accounts.refuse(Refusal::LostAtClose, records);
                self.pending = Vec::new();
                self.waiting = VecDeque::new();
                self.waiting_bytes = 0;
                self.failed = None;
                self.in_flight = None;
                self.log = Log::Closing;
                out.push_back(Action::Close);
            }
            Log::Opening | Log::None => {
                self.accounts.refuse(Refusal::LostAtClose, if self.log == Log::Opening { records } else { 0 });
                self.log = Log::Closed;
                out.push_back(Action::Closed);
            }
            Log::Closing | Log::Closed => {}
        }
    }

    pub(crate) fn on_opened(&mut self, limits: &Limits, out: &mut VecDeque<Action>) {
        self.log = Log::Open;
        // The file header goes out at once: an empty log must be recognisable as one.
        self.append(limits, out);
    }

    pub(crate) fn on_appended(&mut self, limits: &Limits, out: &mut VecDeque<Action>) {
        let Some(done) = self.in_flight.take() else { return };
        self.accounts.stored += done.records;
        self.appended_upto = done.at + done.bytes.len() as u64;
        if self.followed {
            out.push_back(Action::Durable { at: done.at, bytes: done.bytes });
        }
        if self.is_failing() {
            self.backoff.reset();
            out.push_back(Action::Recovered { refused: self.accounts.refused_disk });
        }
        if self.flush_wanted || !self.waiting.is_empty() || !self.flush_timer.is_set() {
            self.append(limits, out);
        }
        if self.policy.sync == SyncPolicy::EachAppend {
            self.sync(out);
        }
        self.sync_if_early(out);
        self.settle_flush(out);
    }

    pub(crate) fn on_append_failed(&mut self, now: Instant, jitter: u64, failure: Failure, out: &mut VecDeque<Action>) {
        self.failed = self.in_flight.take();
        let first = !self.is_failing();
        self.retry_timer.set(now.after(self.backoff.next(jitter)));
        if first {
            out.push_back(Action::Failing(failure));
        }
    }

    pub(crate) fn on_synced(&mut self, upto: u64, out: &mut VecDeque<Action>) {
        self.sync_in_flight = false;
        self.synced_upto = self.synced_upto.max(upto);
        if self.policy.sync == SyncPolicy::EachAppend {
            // An append that ended while this sync ran is not covered by it, and no other one may follow.
            self.sync(out);
        }
        self.settle_flush(out);
    }

    pub(crate) fn on_sync_failed(&mut self, failure: Failure, out: &mut VecDeque<Action>) {
        self.sync_in_flight = false;
        // While bytes are still on their way to the file, what failed was the sync of earlier ones: another one follows.
        if self.flush_wanted && self.is_written() {
            self.flush_wanted = false;
            out.push_back(Action::FlushDone(Err(failure.message)));
        }
    }

    pub(crate) fn on_closed(&mut self, out: &mut VecDeque<Action>) {
        self.log = Log::Closed;
        out.push_back(Action::Closed);
    }

    pub(crate) fn on_tick(&mut self, now: Instant, limits: &Limits, out: &mut VecDeque<Action>) {
        if self.retry_timer.take_due(now)
            && let Some(failed) = self.failed.take()
        {
            self.send(failed, out);
        }
        if !planted!(SpinOnTimer) && self.flush_timer.take_due(now) {
            self.append(limits, out);
        }
    }

    /// Hands the oldest batch to the disk, unless an append is outstanding or the log is not open yet: then it goes later.
    fn append(&mut self, limits: &Limits, out: &mut VecDeque<Action>) {
        if self.log != Log::Open || self.in_flight.is_some() || self.failed.is_some() {
            return;
        }
        if let Some(batch) = self.waiting.pop_front() {
            self.waiting_bytes -= batch.bytes.len();
            self.send(batch, out);
        } else if !self.pending.is_empty() {
            let batch = self.seal(limits);
            self.send(batch, out);
        }
    }

    /// Makes a batch of what is pending.
    fn seal(&mut self, limits: &Limits) -> InFlight {
        self.flush_timer.cancel();
        let capacity = self.pending.len().min(limits.append_bytes_max);
        let bytes = Bytes::from(core::mem::replace(&mut self.pending, Vec::with_capacity(capacity)));
        let at = self.pending_at;
        self.pending_at += bytes.len() as u64;
        InFlight { at, bytes, records: core::mem::take(&mut self.pending_records) }
    }

    fn send(&mut self, part: InFlight, out: &mut VecDeque<Action>) {
        out.push_back(Action::Append { at: part.at, bytes: part.bytes.clone() });
        if planted!(AckBeforeAppend) && self.followed {
            out.push_back(Action::Durable { at: part.at, bytes: part.bytes.clone() });
        }
        self.in_flight = Some(part);
    }

    fn sync(&mut self, out: &mut VecDeque<Action>) {
        if !self.sync_in_flight && self.synced_upto < self.appended_upto {
            self.sync_in_flight = true;
            out.push_back(Action::Sync { upto: self.appended_upto });
        }
    }

    fn sync_if_early(&mut self, out: &mut VecDeque<Action>) {
        if self.sync_early && !planted!(SkipSync) && self.log == Log::Open && self.backlog_bytes() == 0 {
            self.sync_early = false;
            self.sync(out);
        }
    }

    /// Whether everything that was taken is in the file, or as safe as it will be.
    fn is_written(&self) -> bool {
        self.log == Log::None || (self.log == Log::Open && self.backlog_bytes() == 0)
    }

    fn settle_flush(&mut self, out: &mut VecDeque<Action>) {
        if !self.flush_wanted {
            return;
        }
        if !self.is_written() {
            return;
        }
        let is_synced = self.synced_upto >= self.appended_upto || planted!(SkipSync);
        if self.policy.sync != SyncPolicy::Never && !is_synced {
            return self.sync(out);
        }
        self.flush_wanted = false;
        out.push_back(Action::FlushDone(Ok(())));
    }
}

/// What failed, in words for the user.
pub(crate) fn user_text(failure: &Failure) -> &'static str {
    match failure.kind {
        FailureKind::NoSpace => "no space is left on the disk",
        FailureKind::Denied => "writing is not permitted",
        FailureKind::TimedOut => "the disk does not answer",
        FailureKind::Exists => "the file exists already",
        FailureKind::NotFound => "the file is gone",
        FailureKind::Other | FailureKind::Unreachable | FailureKind::Certificate | FailureKind::BadRequest => {
            "writing fails"
        }
    }
}

#[cfg(test)]
mod tests;
