//! A run in a Rust program, without any SDK or sidecar: [`Run`].
//!
//! The same service as behind the socket runs on a thread of this process, and `Run` is its client. `log` builds a frame
//! and hands it over; what is in the hands of the service reaches the operating system within 50 ms. Every wait has a
//! bound.

mod connection;
mod options;

pub use options::RunOptions;

use crate::{
    clock::Clock,
    debug_log::{CoreLog, Level},
    driver::Driver,
    inbox::{Event, Inbox},
    options as environment,
};
use connection::Connection;
use runwire_core::{
    ClientId, Summary,
    client::{Row, RowError, Session, to_json},
    service::{ServiceInput, StopReason},
    writer::Accounts,
};
use runwire_proto::wire::{self, record::RecordType, request::RequestType, response::ResponseType, result::ResultType};
use serde::Serialize;
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

/// The only client of the service inside [`Run`].
const CLIENT: ClientId = ClientId(1);
/// Longest wait for an answer while the run goes on.
const ANSWER: Duration = Duration::from_secs(30);
/// Longest wait until the server has taken the run or refused it: more than the core's own bound of it.
const BEGIN_ONLINE: Duration = Duration::from_secs(180);
/// Longest wait for the end of a run: more than the core's own bounds add up to.
const END: Duration = Duration::from_secs(120);
/// The same of an online run. It may go on as long as the server gets more, and ends by the core's patience otherwise.
const END_ONLINE: Duration = Duration::from_secs(24 * 3600);

/// How often it is looked whether there is still somebody to answer.
const LOOK: Duration = Duration::from_secs(5);

/// What can go wrong. A run that has begun goes on after any of them.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The folder of the run can't be made.
    #[error("the run's folder {path} can't be made: {source}; choose another with RunOptions::dir")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The service refused; its own words.
    #[error("{0}")]
    Refused(String),
    /// No answer within the bound.
    #[error("the run's service gave no answer in time")]
    NoAnswer,
    /// The run is finished.
    #[error("the run is finished already: nothing more can be logged to it")]
    Finished,
    /// The id can't be a part of a file's name, or is longer than servers take.
    #[error(
        "the run's id {id:?} can't be used: an id has 1 to 128 characters, none of them / \\ # ? % : or a control \
         character, since it is a part of file names and addresses; choose another with RunOptions::id"
    )]
    Id {
        /// The id that was asked for.
        id: String,
    },
    /// The value is not a row, or not JSON.
    #[error(transparent)]
    Row(#[from] RowError),
    /// No thread or poller for the service.
    #[error("the run's service can't start: {0}")]
    Start(#[source] io::Error),
}

/// What a finished run left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishReport {
    /// The folder of the run.
    pub dir: PathBuf,
    /// Its transaction log.
    pub log: PathBuf,
    /// Whether a part of the end ran into its time limit; see the run's debug log.
    pub timed_out: bool,
    /// Where the run is shown, if a server has it.
    pub url: Option<String>,
    /// Messages that the run had for its user.
    pub messages: Vec<String>,
    /// Records that the run took, those that are in the log, and those that are not, by reason.
    pub accounts: Accounts,
}

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
                session: Mutex::new(Session::new(place.id.clone())),
                connection,
                inbox,
                service: Mutex::new(Some(service)),
                ended,
                dir: place.dir.clone(),
                log: place.log.clone(),
                online: options.server_url().is_some(),
                url: OnceLock::new(),
            }),
        };
        let settings = place.settings(&options);
        run.ask(ANSWER, |session, id| session.init(id, settings))?;
        run.post(|session| session.record("", RecordType::Header(wire::HeaderRecord::default())))?;
        let record = place.record(&options, Clock::start().wall().timestamp())?;
        let within = if run.inner.online { BEGIN_ONLINE } else { ANSWER };
        let answer = run.ask(within, |session, id| session.record(id, RecordType::Run(record.clone())))?;
        let begun = match answer {
            Some(ResultType::RunResult(wire::RunUpdateResult { error: Some(error), .. })) => {
                return Err(RunError::Refused(error.message));
            }
            Some(ResultType::RunResult(result)) => result.run,
            Some(_) | None => None,
        };
        if let (Some(server), Some(wire::RunRecord { entity, project, run_id, .. })) = (options.server_url(), &begun) {
            let server = server.replace("://api.wandb.", "://wandb.");
            // Set once: here.
            let _ = run.inner.url.set(format!("{server}/{entity}/{project}/runs/{run_id}"));
        }
        run.ask(ANSWER, |session, id| {
            session.request(id, RequestType::RunStart(wire::RunStartRequest { run: begun, info: None }))
        })?;
        run.post(|session| session.request("", RequestType::ProbeSystemInfo(wire::ProbeSystemInfoRequest::default())))?;
        Ok(run)
    }

    /// Logs a row: the fields of a struct or the entries of a map.
    pub fn log(&self, row: &impl Serialize) -> Result<(), RunError> {
        self.send_row(Row::from_serialize(row)?, None)
    }

    /// Logs a row of numbers.
    pub fn log_values(&self, values: &[(&str, f64)]) -> Result<(), RunError> {
        let mut row = Row::new();
        values.iter().for_each(|(key, value)| row.push(key, *value));
        self.send_row(row, None)
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
        let item = wire::ConfigItem { key: key.into(), value_json: to_json(value)?, ..Default::default() };
        let record = wire::ConfigRecord { update: vec![item], ..Default::default() };
        self.post(|session| session.record("", RecordType::Config(record)))
    }

    /// Sets a value of the run's summary.
    pub fn summary(&self, key: &str, value: &impl Serialize) -> Result<(), RunError> {
        let item = wire::SummaryItem { key: key.into(), value_json: to_json(value)?, ..Default::default() };
        let record = wire::SummaryRecord { update: vec![item], ..Default::default() };
        self.post(|session| session.record("", RecordType::Summary(record)))
    }

    /// The step of the next row.
    pub fn step(&self) -> Result<i64, RunError> {
        let request = RequestType::HistoryStep(wire::HistoryStepRequest::default());
        match self.ask(ANSWER, |session, id| session.request(id, request))? {
            Some(ResultType::Response(wire::Response {
                response_type: Some(ResponseType::HistoryStepResponse(step)),
            })) => Ok(step.step),
            Some(_) | None => Err(RunError::NoAnswer),
        }
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

    fn ask(
        &self,
        within: Duration,
        build: impl FnOnce(&Session, &str) -> bytes::Bytes,
    ) -> Result<Option<ResultType>, RunError> {
        self.inner.ask(within, build)
    }
}

impl Inner {
    /// Hands a frame over. Blocks while the service takes nothing, which is when its disk hangs.
    fn post(&self, build: impl FnOnce(&Session) -> bytes::Bytes) -> Result<(), RunError> {
        self.connection.wait_for_room()?;
        // Built and queued under one lock: frames of several threads keep the order of their calls.
        let session = lock(&self.session);
        let frame = build(&session);
        self.inbox.push(Event::Input(ServiceInput::Received(CLIENT, frame)));
        Ok(())
    }

    fn ask(
        &self,
        within: Duration,
        build: impl FnOnce(&Session, &str) -> bytes::Bytes,
    ) -> Result<Option<ResultType>, RunError> {
        self.ask_of(None, within, build)
    }

    /// As `ask`; a service that is gone gives no answer.
    fn ask_of(
        &self,
        service: Option<&JoinHandle<()>>,
        within: Duration,
        build: impl FnOnce(&Session, &str) -> bytes::Bytes,
    ) -> Result<Option<ResultType>, RunError> {
        self.connection.wait_for_room()?;
        let id = {
            let mut session = lock(&self.session);
            let id = session.request_id();
            let frame = build(&session, &id);
            self.inbox.push(Event::Input(ServiceInput::Received(CLIENT, frame)));
            id
        };
        let until = std::time::Instant::now() + within;
        loop {
            let left = until.saturating_duration_since(std::time::Instant::now());
            match self.connection.answer(&id, left.min(LOOK)) {
                Err(RunError::NoAnswer) if left > LOOK && !service.is_some_and(JoinHandle::is_finished) => {}
                outcome => return outcome,
            }
        }
    }

    fn finish(&self, exit_code: i32) -> Result<FinishReport, RunError> {
        let Some(service) = lock(&self.service).take() else { return Err(RunError::Finished) };
        let exit = wire::RunExitRecord { exit_code, ..Default::default() };
        let within = if self.online { END_ONLINE } else { END };
        let ended = self.ask_of(Some(&service), within, |session, id| session.record(id, RecordType::Exit(exit)));
        let poll = RequestType::InternalMessages(wire::InternalMessagesRequest::default());
        let messages = match self.ask(ANSWER, |session, id| session.request(id, poll)) {
            Ok(Some(ResultType::Response(wire::Response {
                response_type: Some(ResponseType::InternalMessagesResponse(answer)),
            }))) => answer.messages.unwrap_or_default().warning,
            Ok(_) | Err(_) => Vec::new(),
        };
        self.inbox.push(Event::Input(ServiceInput::Received(CLIENT, lock(&self.session).finish())));
        self.connection.close();
        self.inbox.push(Event::Input(ServiceInput::Ended(CLIENT)));
        self.inbox.push(Event::Stop(StopReason::ProgramEnded { exit_code }));
        // The service ends within the core's bounds; its panic, if any, has been reported by the default hook.
        let _ = service.join();
        let accounts = lock(&self.ended).take().unwrap_or_default().accounts;
        match ended? {
            Some(ResultType::ExitResult(result)) => {
                let (dir, log, url) = (self.dir.clone(), self.log.clone(), self.url.get().cloned());
                Ok(FinishReport { dir, log, timed_out: result.timed_out, url, messages, accounts })
            }
            Some(_) | None => Err(RunError::NoAnswer),
        }
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
