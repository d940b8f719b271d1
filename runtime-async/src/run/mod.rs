//! A run in a program made of futures: [`Run`].
//!
//! The same service as behind the socket runs as a task of the executor, and `Run` is its client. A record is *accepted*
//! when its method has returned `Ok`: from then on no dropped future, handle or panic loses it.

mod connection;
mod ending;

use crate::{
    driver::{Driver, Event, Inbox},
    executor::{Executor, Host},
    notes::Notes,
    world,
};
use connection::Connection;
use ending::End;
pub use ending::settled;
use futures_lite::future::or;
use runwire_core::{
    ClientId,
    client::{ANSWER, Begin, Beginning, Question, Row, Session, records},
    service::{Service, ServiceInput},
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
    time::Duration,
};

/// The only client of the service inside [`Run`].
const CLIENT: ClientId = ClientId(1);
/// A disk that hangs stops a caller for at most this long; then the core counts it as failed and takes rows again.
const STALL: Duration = Duration::from_secs(30);

/// A run. Cheap to clone and to send to other tasks. When the last one is dropped the run is finished in the background:
/// a program that is about to end waits for that with [`settled`].
///
/// Every future here may be dropped at any time. A dropped `log` has logged its row or it has not, never half of it; it is
/// certain to have when it was ready. They may be awaited on any executor.
#[derive(Clone)]
pub struct Run {
    inner: Arc<Handle>,
}

/// What the clones of a run share. Its end is the end of the run.
struct Handle {
    state: Arc<State>,
}

struct State {
    host: Arc<dyn Host>,
    session: Mutex<Session>,
    connection: Arc<Connection>,
    inbox: Inbox,
    end: End,
    dir: PathBuf,
    log: PathBuf,
    online: bool,
    url: OnceLock<String>,
}

impl Run {
    /// Begins a run on the executor of the enabled feature: makes its folder and its log, and is ready when rows can be
    /// logged, which for a run with a server is when that has taken it.
    #[cfg(any(feature = "smol", feature = "async-std"))]
    pub async fn init(options: RunOptions) -> Result<Run, RunError> {
        Run::init_on(crate::Standard::default(), options).await
    }

    /// The same on an executor of the caller's choice. A dropped future leaves a run that ends by itself.
    pub async fn init_on<E: Executor>(executor: E, options: RunOptions) -> Result<Run, RunError> {
        let (place, mut config, log) = executor
            .unblock(move || {
                options.make_folder().map(|place| (place, environment::service_config(), CoreLog::open(Level::Warn)))
            })
            .await?;
        config.write_summary_files = true;
        let end = End::default();
        let told = end.clone();
        let driver = Driver::new(
            executor.clone(),
            |clock| Service::new(config, clock.now(), clock.wall()),
            world::real(executor.clone()),
            Notes::begin(&executor, log, Level::Info),
            move |summary| told.tell(summary),
        );
        let inbox = driver.inbox();
        let running = end.running();
        executor.spawn(async move {
            driver.run().await;
            drop(running);
        });
        let connection = Arc::new(Connection::new(CLIENT, inbox.clone()));
        // Fails only if the loop has panicked, and then nothing answers.
        let _ = inbox.urgent.try_send(Event::Connect(CLIENT, Arc::clone(&connection) as _));
        let folders = place.folders();
        let state = State {
            host: Arc::new(executor),
            session: Mutex::new(Session::new(place.plan.id.clone())),
            connection,
            inbox,
            end,
            dir: place.dir,
            log: place.log,
            online: place.plan.server.is_some(),
            url: OnceLock::new(),
        };
        let run = Run { inner: Arc::new(Handle { state: Arc::new(state) }) };
        let mut beginning = Beginning::new(place.plan, folders, Clock::start().wall().timestamp());
        let mut answer = None;
        loop {
            let step = beginning.next(&mut run.state().session(), answer);
            match step {
                Begin::Ask(question) => answer = run.state().ask(question).await?,
                Begin::Refused(why) => return Err(RunError::Refused(why)),
                Begin::Begun { frames, url } => {
                    run.state().send(frames).await;
                    // Set once: here.
                    url.map(|url| run.state().url.set(url));
                    return Ok(run);
                }
            }
        }
    }

    /// Logs a row: the fields of a struct or the entries of a map.
    pub async fn log(&self, row: &impl Serialize) -> Result<(), RunError> {
        let row = Row::from_serialize(row)?;
        self.post(|session| session.row(row, None)).await
    }

    /// Logs a row of numbers.
    pub async fn log_values(&self, values: &[(&str, f64)]) -> Result<(), RunError> {
        self.post(|session| session.values(values)).await
    }

    /// Logs values of this step. Rows of one step are one row; a step below the current one is refused with a message.
    pub async fn log_at(&self, step: i64, row: &impl Serialize) -> Result<(), RunError> {
        let row = Row::from_serialize(row)?;
        self.post(|session| session.row(row, Some(step))).await
    }

    /// Says how a metric is summarised, or which metric is its axis (`MetricRecord`).
    pub async fn define_metric(&self, metric: wire::MetricRecord) -> Result<(), RunError> {
        self.post(|session| session.record("", RecordType::Metric(metric))).await
    }

    /// Sets a value of the run's config.
    pub async fn config(&self, key: &str, value: &impl Serialize) -> Result<(), RunError> {
        let record = records::config(key, value)?;
        self.post(|session| session.record("", record)).await
    }

    /// Sets a value of the run's summary.
    pub async fn summary(&self, key: &str, value: &impl Serialize) -> Result<(), RunError> {
        let record = records::summary(key, value)?;
        self.post(|session| session.record("", record)).await
    }

    /// Hands over the file of this name below the folder `files` of [`Run::dir`]; a run with a server sends it there.
    pub async fn save(&self, name: &str) -> Result<(), RunError> {
        self.post(|session| session.record("", records::file(name))).await
    }

    /// The step of the next row.
    pub async fn step(&self) -> Result<i64, RunError> {
        let _open = self.state().end.enter()?;
        let question = {
            let mut session = self.state().session();
            let id = session.request_id();
            Question { frames: session.request(&id, records::ask_step()), id, within: ANSWER }
        };
        records::step(self.state().ask(question).await?).ok_or(RunError::NoAnswer)
    }

    /// The folder of the run.
    pub fn dir(&self) -> &Path {
        &self.state().dir
    }

    /// The run's transaction log.
    pub fn log_path(&self) -> &Path {
        &self.state().log
    }

    /// Where the run is shown; `None` without a server.
    pub fn url(&self) -> Option<&str> {
        self.state().url.get().map(String::as_str)
    }

    /// Ends the run as a success and waits until its log is on disk, and until its server has everything or the patience
    /// with it is over (`RUNWIRE_FINISH_WAIT`). What is left then can be sent with `runwire sync`.
    ///
    /// If the future is dropped the run still ends, and another call waits for the same end.
    pub async fn finish(&self) -> Result<FinishReport, RunError> {
        self.finish_with(0).await
    }

    /// Ends the run with this exit code; otherwise as [`Run::finish`].
    pub async fn finish_with(&self, exit_code: i32) -> Result<FinishReport, RunError> {
        ending::begin(self.state(), exit_code);
        self.state().end.report().await
    }

    fn state(&self) -> &Arc<State> {
        &self.inner.state
    }

    /// Hands a frame over; ready when the service has it. Waits while the service takes nothing, which is when its disk hangs.
    async fn post(&self, build: impl FnOnce(&Session) -> bytes::Bytes) -> Result<(), RunError> {
        let state = self.state();
        let _open = state.end.enter()?;
        if !state.connection.room.is_open() {
            or(state.connection.room.passed(), state.host.sleep_boxed(STALL)).await;
        }
        let frame = build(&state.session());
        if state.send(frame).await { Ok(()) } else { Err(RunError::Finished) }
    }
}

impl State {
    fn session(&self) -> MutexGuard<'_, Session> {
        // A panic of a caller while it logged leaves the session as it was.
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the loop was there to take it.
    async fn send(&self, frames: bytes::Bytes) -> bool {
        self.inbox.heard.send(Event::Input(ServiceInput::Received(CLIENT, frames))).await.is_ok()
    }

    /// Sends a question and waits for its answer.
    async fn ask(&self, question: Question) -> Result<Option<ResultType>, RunError> {
        self.send(question.frames).await;
        let answer = async { self.connection.answer(&question.id).await.ok_or(RunError::Finished) };
        let late = async {
            or(self.host.sleep_boxed(question.within), self.end.over()).await;
            Err(RunError::NoAnswer)
        };
        or(answer, late).await?.outcome.map_err(RunError::Refused)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        ending::begin(&self.state, i32::from(std::thread::panicking()));
    }
}

#[cfg(test)]
mod tests;
