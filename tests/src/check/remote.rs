//! L8: at the end the server has what the logs hold: every durable row, once, in order, and how the run ended.

use super::{Check, Moment};
use crate::model::Life;
use crate::model::logged::Logged;
use crate::model::rows::is_subsequence;
use crate::sim::{Fault, Seen};

/// See above.
#[derive(Default)]
pub(super) struct Remote;

impl Check for Remote {
    fn law(&self) -> &'static str {
        "L8-remote"
    }

    fn see(&mut self, _at: &Moment<'_>, _seen: &Seen<'_>) -> Result<(), String> {
        Ok(())
    }

    fn end(&mut self, at: &Moment<'_>) -> Result<(), String> {
        for (run, lives) in at.model.runs() {
            compare(at, run, &lives)?;
        }
        Ok(())
    }
}

fn compare(at: &Moment<'_>, run: &str, lives: &[&Life]) -> Result<(), String> {
    let logs: Vec<Logged> = lives
        .iter()
        .map(|life| {
            Logged::read(at.disk.file(&life.log).map(|file| file.data.as_slice()).unwrap_or_default()).until_exit()
        })
        .collect();
    let logged: Vec<serde_json::Value> = logs.iter().flat_map(Logged::json_rows).collect();
    let state = &at.remote[run];
    if !logs.iter().any(Logged::has_run) {
        return Ok(());
    }
    let served = state["history"].as_array().cloned().unwrap_or_default();
    let power = lives.iter().any(|life| life.power_cut);
    let good = if power { is_subsequence(&logged, &served) } else { logged == served };
    if !good {
        let differs = served.iter().zip(&logged).position(|(a, b)| a != b).unwrap_or(served.len().min(logged.len()));
        return Err(format!(
            "{run}: {} rows on the server, {} in its logs; first difference at {differs}: {:?} and {:?}",
            served.len(),
            logged.len(),
            served.get(differs).map(ToString::to_string),
            logged.get(differs).map(ToString::to_string)
        ));
    }
    let counters = &state["counters"];
    if counters["conflicts"] != 0 || counters["gaps"] != 0 {
        return Err(format!("{run}: {counters}"));
    }
    // A note that could not be kept lets an earlier life be uploaded after a later one.
    let notes = [Fault::WriteError, Fault::ReadError, Fault::OutcomeLost, Fault::DiskHang];
    if lives.len() > 1 && notes.iter().any(|fault| at.counts.of(*fault) > 0) {
        return Ok(());
    }
    if let (Some(code), true) = (logs.last().and_then(Logged::exit_code), state["complete"].is_boolean())
        && (state["exit_code"] != code || state["complete"] != true)
    {
        return Err(format!("{run}: exited with {code}; the server has {} {}", state["complete"], state["exit_code"]));
    }
    Ok(())
}
