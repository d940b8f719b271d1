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
            if life.power_cut {
                continue;
            }
            let bytes = at.disk.file(&life.log).map(|file| file.data.as_slice()).unwrap_or_default();
            let logged = Logged::read(bytes).until_exit();
            if !logged.has_run() {
                continue;
            }
            let mut expected = Expected::default();
            expected.fold(&logged);
            let served = Expected::served(&at.remote[run]);
            if served.config != expected.config {
                return Err(format!("{run}: config {:?}; its log says {:?}", served.config, expected.config));
            }
            // A log that was broken off ends before its last summary; what its rows say then is told instead.
            let whole = logged.exit_code().is_some();
            if whole && served.summary != expected.summary {
                return Err(format!("{run}: summary {:?}; its log says {:?}", served.summary, expected.summary));
            }
            let texts = served.console.len() == expected.console.len()
                && served.console.iter().zip(&expected.console).all(|(shown, line)| shown.ends_with(line.as_str()));
            if !texts {
                return Err(format!("{run}: console {:?}; its log says {:?}", served.console, expected.console));
            }
        }
        Ok(())
    }
}
