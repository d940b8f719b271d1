//! A run in a Rust program, without any SDK or sidecar: [`Run`].
//!
//! The same service as behind the socket runs on a thread of this process, and `Run` is its client. `log` builds a frame
//! and hands it over; what is in the hands of the service reaches the operating system within 50 ms. Every wait has a
//! bound.

mod connection;

use crate::{
    driver::Driver,
    inbox::{Event, Inbox},
};
use connection::Connection;
use runwire_core::{
    ClientId, Summary,
    client::{ANSWER, Begin, Beginning, End, Ending, Question, Row, Session, records},
    service::{ServiceInput, StopReason},
};
use runwire_effects::{
    Clock, FinishReport, RunError, RunOptions,
    debug_log::{CoreLog, Level},
    environment,
};
use runwire_proto::wire::{self, record::RecordType, result::ResultType};
use serde::Serialize;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// The only client of the service inside [`Run`].
const CLIENT: ClientId = ClientId(1);
/// How often it is looked whether there is still somebody to answer.
const LOOK: Duration = Duration::from_secs(5);

/// A run. Cheap to clone and to send to other threads; the last one dropped finishes the run.
#[derive(Clone)]
pub struct Run {
    inner: Arc<Inner>,
}

struct Inner {
    session: Mutex<Session>,
    connection: Arc<Connection>,
    inbox: Arc<Inbox>,
    service: Mutex<Option<JoinHandle<()>>>,
    /// How the run ended, once it has.
    ended: Arc<Mutex<Option<Summary>>>,
    dir: PathBuf,
    log: PathBuf,
    online: bool,
    url: OnceLock<String>,
}

impl Run {
    /// Begins a run: makes its folder and its log, and answers when rows can be logged, which for a run with a server is
    /// when that has taken it.
    pub fn init(options: RunOptions) -> Result<Run, RunError> {
        let place = options.make_folder()?;
        let inbox = Inbox::new().map_err(RunError::Start)?;
        let mut config = environment::service_config();
        config.write_summary_files = true;
        let log = CoreLog::open(Level::Warn);
        let mut driver = Driver::new(config, log, Level::Info, Arc::clone(&inbox));
        let ended = Arc::<Mutex<Option<Summary>>>::default();
        let told = Arc::clone(&ended);
        driver.on_run_ended(Box::new(move |summary| *lock(&told) = Some(summary.clone())));
        let service = std::thread::Builder::new()
            .name("runwire-run".into())
            .spawn(move || {
                // The driver's own poller failed: nobody is left to tell, and every wait has its bound.
                let _ = driver.run();
            })
            .map_err(RunError::Start)?;
        let connection = Arc::new(Connection::default());
        inbox.push(Event::Connect(CLIENT, Arc::clone(&connection) as _));
        let run = Run {
            inner: Arc::new(Inner {
                session: Mutex::new(Session::new(place.plan.id.clone())),
                connection,
                inbox,
                service: Mutex::new(Some(service)),
                ended,
                dir: place.dir.clone(),
                log: place.log.clone(),
                online: place.plan.server.is_some(),
                url: OnceLock::new(),
            }),
        };
        let folders = place.folders();
        let mut beginning = Beginning::new(place.plan, folders, Clock::start().wall().timestamp());
        let mut answer = None;
        loop {
            // Decided and queued under one lock: frames of several threads keep the order of their calls.
            let mut session = lock(&run.inner.session);
            match beginning.next(&mut session, answer) {
                Begin::Ask(question) => answer = run.inner.ask(session, question, None)?,
                Begin::Refused(why) => return Err(RunError::Refused(why)),
                Begin::Begun { frames, url } => {
                    run.inner.send(frames);
                    drop(session);
                    // Set once: here.
                    url.map(|url| run.inner.url.set(url));
                    return Ok(run);
                }
            }
        }
    }

    /// Logs a row: the fields of a struct or the entries of a map.
    pub fn log(&self, row: &impl Serialize) -> Result<(), RunError> {
        self.send_row(Row::from_serialize(row)?, None)
    }

    /// Logs a row of numbers.
    pub fn log_values(&self, values: &[(&str, f64)]) -> Result<(), RunError> {
        self.post(|session| session.values(values))
    }

    /// Logs values of this step. Rows of one step are one row; a step below the current one is refused with a message.
    pub fn log_at(&self, step: i64, row: &impl Serialize) -> Result<(), RunError> {
        self.send_row(Row::from_serialize(row)?, Some(step))
    }

    /// Says how a metric is summarised, or which metric is its axis (`MetricRecord`).
    pub fn define_metric(&self, metric: wire::MetricRecord) -> Result<(), RunError> {
        self.post(|session| session.record("", RecordType::Metric(metric)))
    }

    /// Sets a value of the run's config.
    pub fn config(&self, key: &str, value: &impl Serialize) -> Result<(), RunError> {
        let record = records::config(key, value)?;
        self.post(|session| session.record("", record))
    }

    /// Sets a value of the run's summary.
    pub fn summary(&self, key: &str, value: &impl Serialize) -> Result<(), RunError> {
        let record = records::summary(key, value)?;
        self.post(|session| session.record("", record))
    }

    /// Hands over the file of this name below the folder `files` of [`Run::dir`]; a run with a server sends it there.
    pub fn save(&self, name: &str) -> Result<(), RunError> {
        self.post(|session| session.record("", records::file(name)))
    }

    /// The step of the next row.
    pub fn step(&self) -> Result<i64, RunError> {
        let mut session = lock(&self.inner.session);
        let id = session.request_id();
        let question = Question { frames: session.request(&id, records::ask_step()), id, within: ANSWER };
        records::step(self.inner.ask(session, question, None)?).ok_or(RunError::NoAnswer)
    }

    /// The folder of the run.
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// The run's transaction log.
    pub fn log_path(&self) -> &Path {
        &self.inner.log
    }

    /// Where the run is shown; `None` without a server.
    pub fn url(&self) -> Option<&str> {
        self.inner.url.get().map(String::as_str)
    }

    /// Ends the run as a success and waits until its log is on disk, and until its server has everything or the patience
    /// with it is over (`RUNWIRE_FINISH_WAIT`). What is left then can be sent with `runwire sync`.
    pub fn finish(&self) -> Result<FinishReport, RunError> {
        self.finish_with(0)
    }

    /// Ends the run with this exit code; otherwise as [`Run::finish`].
    pub fn finish_with(&self, exit_code: i32) -> Result<FinishReport, RunError> {
        self.inner.finish(exit_code)
    }

    fn send_row(&self, row: Row, step: Option<i64>) -> Result<(), RunError> {
        self.post(|session| session.row(row, step))
    }

    fn post(&self, build: impl FnOnce(&Session) -> bytes::Bytes) -> Result<(), RunError> {
        self.inner.post(build)
    }
}

impl Inner {
    /// Hands a frame over. Blocks while the service takes nothing, which is when its disk hangs.
    fn post(&self, build: impl FnOnce(&Session) -> bytes::Bytes) -> Result<(), RunError> {
        self.connection.wait_for_room()?;
        // Built and queued under one lock: frames of several threads keep the order of their calls.
        let session = lock(&self.session);
        self.send(build(&session));
        Ok(())
    }

    fn send(&self, frames: bytes::Bytes) {
        self.inbox.push(Event::Input(ServiceInput::Received(CLIENT, frames)));
    }

    /// Sends a question and waits for its answer. A service that is gone gives none.
    fn ask(
        &self,
        session: MutexGuard<'_, Session>,
        question: Question,
        service: Option<&JoinHandle<()>>,
    ) -> Result<Option<ResultType>, RunError> {
        self.send(question.frames);
        drop(session);
        let until = Instant::now() + question.within;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.connection.answer(&question.id, left.min(LOOK)) {
                Err(RunError::NoAnswer) if left > LOOK && !service.is_some_and(JoinHandle::is_finished) => {}
                outcome => return outcome,
            }
        }
    }

    fn finish(&self, exit_code: i32) -> Result<FinishReport, RunError> {
        let Some(service) = lock(&self.service).take() else { return Err(RunError::Finished) };
        let mut ending = Ending::new(exit_code, self.online);
        let mut answer = None;
        let outcome = loop {
            let mut session = lock(&self.session);
            match ending.next(&mut session, answer) {
                End::Ask(question) => answer = self.ask(session, question, Some(&service)).ok().flatten(),
                End::Ended { frames, outcome } => {
                    self.send(frames);
                    break outcome;
                }
            }
        };
        self.connection.close();
        self.inbox.push(Event::Input(ServiceInput::Ended(CLIENT)));
        self.inbox.push(Event::Stop(StopReason::ProgramEnded { exit_code }));
        // The service ends within the core's bounds; its panic, if any, has been reported by the default hook.
        let _ = service.join();
        let accounts = lock(&self.ended).take().unwrap_or_default().accounts;
        let outcome = outcome.ok_or(RunError::NoAnswer)?;
        let (dir, log, url) = (self.dir.clone(), self.log.clone(), self.url.get().cloned());
        Ok(FinishReport { dir, log, timed_out: outcome.timed_out, url, messages: outcome.messages, accounts })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Finished by hand already, or nobody is there to hear of an error.
        let _ = self.finish(i32::from(std::thread::panicking()));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic of the caller's thread while it logged leaves the session as it was.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
