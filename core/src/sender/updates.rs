//! Later upserts: what has changed since the last one, told at most every few seconds, one at a time.

use super::{
    Sender, State,
    action::{Action, Out, Tag},
    query::{self, Parts, Upsert},
};
use crate::{
    net::{Call, CallError, Class, Outcome, Purpose, Step, graphql},
    notice::Notice,
    settings::text,
    time::{Duration, Instant, Timer},
    uplink::Cx,
};
use alloc::{format, string::String};

/// How long a change waits for others.
const DEBOUNCE: Duration = Duration::from_secs(5);

/// Changes on their way.
#[derive(Debug)]
pub(super) struct Updates {
    pub(super) dirty: Parts,
    pub(super) timer: Timer,
    pub(super) flight: Option<Flight>,
}

/// An upsert under way.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) call: Call,
    pub(super) since: Instant,
    parts: Parts,
    /// Nothing more is read: if it fails, it has failed for good.
    last: bool,
}

impl Default for Updates {
    fn default() -> Self {
        Updates { dirty: Parts::default(), timer: Timer::new("sender.update"), flight: None }
    }
}

impl Parts {
    pub(super) fn any(self) -> bool {
        self.params || self.config
    }

    fn or(self, other: Parts) -> Parts {
        Parts { params: self.params || other.params, config: self.config || other.config }
    }
}

impl Sender {
    /// Something of the run has changed.
    pub(super) fn mark_dirty(&mut self, now: Instant, parts: Parts) {
        // Before the run is set up its first upsert tells everything.
        if matches!(self.state, State::Running) {
            self.updates.dirty = self.updates.dirty.or(parts);
            self.updates.timer.set_if_idle(now.after(DEBOUNCE));
        }
    }

    /// Sends what has changed, unless another upsert is under way.
    pub(super) fn send_update(&mut self, cx: &Cx<'_>, out: &mut Out) {
        if !self.updates.dirty.any() || self.updates.flight.is_some() || !matches!(self.state, State::Running) {
            return;
        }
        self.updates.timer.cancel();
        let parts = core::mem::take(&mut self.updates.dirty);
        let storage_id = self.facts.storage_id.clone();
        let variables = self.upsert_variables(parts, &storage_id, false);
        let request = cx.link.graphql(Purpose::UpsertRun, query::UPSERT.name, query::UPSERT.text, &variables);
        let mut call = Call::new(request, Class::Upsert, &self.policies.graphql);
        out.push_back(Action::Http(Tag::Update, call.start()));
        self.updates.flight = Some(Flight { call, since: cx.now, parts, last: self.flushing });
    }

    /// The outcome of an attempt.
    pub(super) fn on_update(&mut self, cx: &mut Cx<'_>, outcome: Outcome, out: &mut Out) {
        let Some(flight) = &mut self.updates.flight else { return };
        let failed = match flight.call.on_outcome(cx.now, cx.wall, cx.rng.next_u64(), outcome) {
            Step::Waiting => return self.hurry_update(cx, out),
            Step::Done(response) => graphql::data(&response).err(),
            Step::Failed(error) => Some(reason(&error)),
        };
        let (parts, last) = (flight.parts, flight.last);
        self.updates.flight = None;
        if let Some(why) = failed {
            let why = why.trim_end();
            if last {
                out.push_back(Action::TellUser(format!(
                    "The last changes of the run's config, name, notes or tags did not reach the server: {why}. They are \
                     in the run's files on this machine; `wandb sync` sends them again."
                )));
            } else {
                out.push_back(Action::Notice(Notice::warn(format!(
                    "an update of the run was refused; it is sent again with the next change: {why}"
                ))));
                // Not by itself: the same content would be refused again and again.
                self.updates.dirty = self.updates.dirty.or(parts);
            }
        }
        if self.flushing {
            self.send_update(cx, out);
        } else if self.updates.timer.take_due(cx.now) {
            // Changes that came meanwhile have waited long enough.
            self.send_update(cx, out);
        }
        self.check_flushed(out);
    }

    /// At the end a wait for another attempt is cut short once, with the newest content; not one that the server asked for.
    pub(super) fn hurry_update(&mut self, cx: &Cx<'_>, out: &mut Out) {
        if !self.flushing {
            return;
        }
        if let Some(flight) = &self.updates.flight
            && !flight.last
            && !flight.call.is_in_flight()
            && !flight.call.is_asked_to_wait()
        {
            self.updates.dirty = self.updates.dirty.or(flight.parts);
            self.updates.flight = None;
        }
        self.send_update(cx, out);
    }

    pub(super) fn tick_updates(&mut self, cx: &Cx<'_>, out: &mut Out) {
        if let Some(flight) = &mut self.updates.flight
            && let Some(request) = flight.call.on_tick(cx.now)
        {
            out.push_back(Action::Http(Tag::Update, request));
        }
        if self.updates.flight.is_none() && self.updates.timer.take_due(cx.now) {
            self.send_update(cx, out);
        }
    }

    /// The variables of an upsert that tells `parts`.
    pub(super) fn upsert_variables(&mut self, parts: Parts, storage_id: &str, with_tags: bool) -> String {
        let config = if parts.config { self.config_json() } else { String::new() };
        Upsert {
            known: &self.known,
            parts,
            storage_id,
            config,
            program: self.program(),
            with_host: self.settings.machine_info(),
            with_tags,
        }
        .variables()
    }

    /// The program of a live run is in its settings. That of a log is in its environment record: the settings are those
    /// of whoever syncs it.
    fn program(&self) -> &str {
        match &self.mode {
            super::Mode::Live => text(&self.settings.settings.program),
            super::Mode::Sync(_) => &self.logged_program,
        }
    }
}

fn reason(error: &CallError) -> String {
    if error.status == 0 { error.text.clone() } else { graphql::reason(error) }
}
