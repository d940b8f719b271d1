//! The end of a run: a task of its own, so that it comes whoever still waits for it.

use super::{CLIENT, State};
use crate::driver::Event;
use async_channel::{Receiver, Sender};
use runwire_core::{
    Summary,
    client::{End as Step, Ending},
    service::{ServiceInput, StopReason},
};
use runwire_effects::{FinishReport, RunError};
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// Runs of this process that have begun and whose loop has not ended.
static RUNNING: AtomicUsize = AtomicUsize::new(0);
static FEWER: event_listener::Event = event_listener::Event::new();

/// Is ready when every run of this process has ended whose last handle was dropped or that was finished: then everything that
/// they accepted is in their logs. Runs that still go on are waited for too.
pub async fn settled() {
    loop {
        let fewer = FEWER.listen();
        if RUNNING.load(Ordering::Acquire) == 0 {
            return;
        }
        fewer.await;
    }
}

/// How far the end of a run is.
#[derive(Clone)]
pub(super) struct End {
    inner: Arc<Mutex<Progress>>,
    changed: Arc<event_listener::Event>,
    /// Closes when the loop has ended.
    over: Receiver<()>,
    running: Sender<()>,
}

#[derive(Default)]
struct Progress {
    /// Calls that may still send.
    inside: usize,
    begun: bool,
    summary: Option<Summary>,
    report: Option<Result<FinishReport, RunError>>,
}

impl Default for End {
    fn default() -> Self {
        let (running, over) = async_channel::bounded(1);
        End { inner: Arc::default(), changed: Arc::default(), over, running }
    }
}

/// Held by a call that may send; the end is not said before it.
pub(super) struct Inside<'a>(&'a End);

/// Held by the loop.
pub(super) struct Running(Sender<()>);

impl End {
    /// A call begins, unless the end has begun.
    pub(super) fn enter(&self) -> Result<Inside<'_>, RunError> {
        let mut progress = self.lock();
        if progress.begun {
            return Err(RunError::Finished);
        }
        progress.inside += 1;
        Ok(Inside(self))
    }

    /// Is told how the service saw the run end.
    pub(super) fn tell(&self, summary: Summary) {
        self.lock().summary = Some(summary);
    }

    /// For the loop to hold.
    pub(super) fn running(&self) -> Running {
        RUNNING.fetch_add(1, Ordering::AcqRel);
        Running(self.running.clone())
    }

    /// Is ready when the loop has ended.
    pub(super) async fn over(&self) {
        // Nothing is ever sent.
        let _ = self.over.recv().await;
    }

    /// What is left of the run, for the first who waits for it to the end.
    pub(super) async fn report(&self) -> Result<FinishReport, RunError> {
        loop {
            let changed = self.changed.listen();
            {
                let mut progress = self.lock();
                if let Some(report) = progress.report.as_mut() {
                    return std::mem::replace(report, Err(RunError::Finished));
                }
            }
            changed.await;
        }
    }

    /// Marks the end as begun; false if it is already.
    fn first(&self) -> bool {
        !std::mem::replace(&mut self.lock().begun, true)
    }

    /// Is ready when no call may send any more.
    async fn quiet(&self) {
        loop {
            let changed = self.changed.listen();
            if self.lock().inside == 0 {
                return;
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.lock().inside -= 1;
        self.0.changed.notify(usize::MAX);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.close();
        RUNNING.fetch_sub(1, Ordering::AcqRel);
        FEWER.notify(usize::MAX);
    }
}

/// Begins the end, once.
pub(super) fn begin(state: &Arc<State>, exit_code: i32) {
    if state.end.first() {
        let state = Arc::clone(state);
        let host = Arc::clone(&state.host);
        host.spawn_boxed(Box::pin(async move {
            let report = end(&state, exit_code).await;
            state.end.lock().report = Some(report);
            state.end.changed.notify(usize::MAX);
        }));
    }
}

async fn end(state: &State, exit_code: i32) -> Result<FinishReport, RunError> {
    state.end.quiet().await;
    let mut ending = Ending::new(exit_code, state.online);
    let mut answer = None;
    let outcome = loop {
        let step = ending.next(&mut state.session(), answer);
        match step {
            Step::Ask(question) => answer = state.ask(question).await.ok().flatten(),
            Step::Ended { frames, outcome } => {
                state.send(frames).await;
                break outcome;
            }
        }
    };
    for input in [ServiceInput::Ended(CLIENT), ServiceInput::Stop(StopReason::ProgramEnded { exit_code })] {
        // Fails when the loop has ended.
        let _ = state.inbox.heard.send(Event::Input(input)).await;
    }
    state.end.over().await;
    let accounts = state.end.lock().summary.take().unwrap_or_default().accounts;
    let outcome = outcome.ok_or(RunError::NoAnswer)?;
    let (dir, log, url) = (state.dir.clone(), state.log.clone(), state.url.get().cloned());
    Ok(FinishReport { dir, log, timed_out: outcome.timed_out, url, messages: outcome.messages, accounts })
}
