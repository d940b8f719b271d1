//! The end of a service: a client's teardown, a lost parent, a signal, or idleness.
//!
//! First nothing new is let in; then what had been sent is read, for a bounded time; then every run is ended and its log
//! closed; then the answers go out and the connections are closed.

use super::{Service, ServiceOutput, StopReason};
use crate::{
    engine::Engine,
    id::{ClientId, StreamKey},
    input::{CloseReason, Input},
    notice::Notice,
    output::Summary,
    time::Duration,
};
use alloc::{format, string::String, vec::Vec};

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopping {
    No,
    /// Reading what was sent, then ending runs with this exit code.
    Reading {
        exit_code: i32,
        /// Its teardown was the last request of this connection.
        asker: Option<ClientId>,
    },
    /// Waiting for the runs to end.
    Ending,
    Done,
}

/// Exit code of a run whose program died without saying one.
const FAILED: i32 = 1;
/// How long after the death of the parent its connections (or its children's) may still bring records.
const PARENT_GONE_GRACE: Duration = Duration::from_secs(1);
/// How long other connections may still bring what was on its way when one asks for the end.
const TEARDOWN_GRACE: Duration = Duration::from_millis(50);

impl Service {
    pub(super) fn on_stop(&mut self, reason: StopReason) {
        let (exit_code, grace) = match reason {
            StopReason::ParentGone => (FAILED, PARENT_GONE_GRACE),
            StopReason::Signal => (FAILED, Duration::ZERO),
            StopReason::ProgramEnded { exit_code } => (exit_code, PARENT_GONE_GRACE),
        };
        self.notice(Notice::info(format!("the service stops: {reason:?}")));
        self.begin_stop(exit_code, None, grace);
    }

    pub(super) fn on_teardown(&mut self, client: ClientId, exit_code: i32) {
        self.notice(Notice::info(format!("{client} ends the service, exit code {exit_code}")));
        self.begin_stop(exit_code, Some(client), TEARDOWN_GRACE);
    }

    pub(super) fn on_idle(&mut self) {
        self.notice(Notice::info("no connection for the idle time; the service stops"));
        self.begin_stop(0, None, Duration::ZERO);
    }

    fn begin_stop(&mut self, exit_code: i32, asker: Option<ClientId>, grace: Duration) {
        match self.stopping {
            Stopping::No => {
                self.idle_timer.cancel();
                self.outbox.push_back(ServiceOutput::StopListening);
                self.stopping = Stopping::Reading { exit_code, asker };
                self.drain_timer.set(self.last_now.after(grace));
            }
            // A signal during the grace cuts it short.
            Stopping::Reading { .. } if grace == Duration::ZERO => self.drain_timer.set(self.last_now),
            Stopping::Reading { .. } | Stopping::Ending | Stopping::Done => {}
        }
    }

    /// Goes on with the end as far as it can.
    pub(super) fn advance_stop(&mut self) {
        if let Stopping::Reading { exit_code, asker } = self.stopping {
            let all_silent = self
                .connections
                .iter()
                .all(|(id, c)| (c.is_silent() && !self.stalled.contains(id)) || Some(*id) == asker);
            if !all_silent && !self.drain_timer.take_due(self.last_now) {
                return;
            }
            self.drain_timer.cancel();
            self.stopping = Stopping::Ending;
            let keys: Vec<StreamKey> = self.streams.keys().copied().collect();
            for key in keys {
                if let Some(stream) = self.streams.get_mut(&key) {
                    stream.footer = !stream.closing;
                    self.feed(key, Input::Close(CloseReason::Teardown { exit_code }));
                }
            }
        }
        if self.stopping == Stopping::Ending && self.streams.is_empty() {
            let clients: Vec<ClientId> = self.connections.keys().copied().collect();
            for client in clients {
                self.end_apis(client);
                if self.connections.get(&client).is_some_and(|c| !c.lost) {
                    self.outbox.push_back(ServiceOutput::Close(client));
                }
                self.forget(client);
            }
            self.idle_timer.cancel();
            self.stopping = Stopping::Done;
        }
    }
}

/// What the user reads at the end of a run that the service had to end itself.
pub(super) fn footer(engine: &Engine, summary: &Summary) -> String {
    let run_dir = engine.run_dir();
    const PREFIX: &str = "\u{1b}[1;34mwandb\u{1b}[0m: ";
    let mut text = match engine.upload() {
        None => format!("{PREFIX}\n{PREFIX}This offline run can be uploaded with:\n{PREFIX}wandb sync {run_dir}\n"),
        Some(upload) => {
            let mut text = format!("{PREFIX}\n");
            // A run that the server did not take is not to be sent there again.
            if let Some(url) = upload.url {
                text.push_str(&format!("{PREFIX}The run is shown at: {url}\n"));
                if !upload.complete {
                    text.push_str(&format!("{PREFIX}What has not reached the server goes up with:\n"));
                    text.push_str(&format!("{PREFIX}runwire sync {run_dir}\n"));
                }
            }
            text
        }
    };
    if summary.accounts.refused() > 0 {
        text.push_str(&format!("{PREFIX}{} records could not be stored.\n", summary.accounts.refused()));
    }
    text.push_str(&format!("{PREFIX}Its logs: {}/logs\n", engine.run_dir_from_root()));
    text
}
