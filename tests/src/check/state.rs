//! At the end the server's config, summary and console of a run are what its last log amounts to.

use super::{Check, Moment};
use crate::model::logged::Logged;
use crate::model::state::State as Expected;
use crate::sim::Seen;

/// See above.
#[derive(Default)]
pub(super) struct State;

impl Check for State {
    fn law(&self) -> &'static str {
        "state-is-what-was-logged"
    }

    fn see(&mut self, _at: &Moment<'_>, _seen: &Seen<'_>) -> Result<(), String> {
        Ok(())
    }

    fn end(&mut self, at: &Moment<'_>) -> Result<(), String> {
        for (run, lives) in at.model.runs() {
            // Of several lives the later one begins with what the server had of the earlier: compared row by row elsewhere.
            let [life] = lives.as_slice() else { continue };
            // Where a record was refused, the log's own summary knows rows that it has not.
            let refused = life.ended.as_ref().is_none_or(|summary| summary.accounts.refused() > 0);
            if life.power_cut || refused {
                continue;
            }
            let bytes = at.disk.file(&life.log).map(|file| file.data.as_slice()).unwrap_or_default();
            let whole = Logged::read(bytes);
            let logged = whole.clone().until_exit();
            // What is logged after the exit may be told or not.
            if !logged.has_run() || logged.records.len() < whole.records.len() {
                continue;
            }
            let mut expected = Expected::default();
            expected.fold(&logged);
            let served = Expected::served(&at.remote[run]);
            if served.config != expected.config {
                return Err(format!("{run}: config {:?}; its log says {:?}", served.config, expected.config));
            }
            if served.summary != expected.summary {
                return Err(format!("{run}: summary {:?}; its log says {:?}", served.summary, expected.summary));
            }
            if served.console != expected.console {
                return Err(format!("{run}: console {:?}; its log says {:?}", served.console, expected.console));
            }
        }
        Ok(())
    }
}
