//! At the end each log holds what was said, in order: all of it if the run ended well, else as much as may be.

use std::collections::BTreeSet;

use super::{Check, Moment};
use crate::model::Life;
use crate::model::logged::Logged;
use crate::model::rows::{Row, Rows, is_subsequence};
use crate::sim::{Fault, Seen};

/// See above.
#[derive(Default)]
pub(super) struct Logs;

impl Check for Logs {
    fn law(&self) -> &'static str {
        "log-is-what-was-said"
    }

    fn see(&mut self, _at: &Moment<'_>, _seen: &Seen<'_>) -> Result<(), String> {
        Ok(())
    }

    fn end(&mut self, at: &Moment<'_>) -> Result<(), String> {
        at.model.lives.iter().try_for_each(|life| compare(at, life))
    }
}

fn compare(at: &Moment<'_>, life: &Life) -> Result<(), String> {
    let bytes = at.disk.file(&life.log).map(|file| file.data.as_slice()).unwrap_or_default();
    let logged = Logged::read(bytes);
    if logged.damages > 0 && !life.power_cut {
        return Err(format!("{}: {} damaged places", life.log, logged.damages));
    }
    let rows = logged.rows();
    let first = rows.first().map_or(0, |(step, _)| *step);
    // A life that goes on counts from what the server had.
    let starts =
        if life.service > 1 { first - Rows::of(&life.said, 0).rows.first().map_or(0, |(step, _)| *step) } else { 0 };
    let said = Rows::of(&life.said, starts).rows;
    let until = life.promised.unwrap_or(life.said.len());
    let promised = Rows::of(&life.said[..until], starts).rows;
    let refused = life.ended.as_ref().map_or(0, |summary| summary.accounts.refused());
    let case = Case { at, life, refused };
    let tags = life.said.iter().map(|(tag, _)| tag).collect::<BTreeSet<_>>();
    if tags.len() == 1 {
        return case.judge(&rows, &said, &promised);
    }
    // Whose row comes first is the service's business; each one's own order is not.
    for tag in tags {
        let own = |rows: &[(i64, Row)]| -> Vec<Row> {
            rows.iter().filter(|(_, row)| row.contains_key(tag)).map(|(_, row)| row.clone()).collect()
        };
        // One that only joined does not know when the run is closed.
        let promised = if tag.starts_with('a') { own(&promised) } else { Vec::new() };
        case.judge(&own(&rows), &own(&said), &promised)?;
    }
    Ok(())
}

struct Case<'a> {
    at: &'a Moment<'a>,
    life: &'a Life,
    refused: u64,
}

impl Case<'_> {
    fn judge<T: PartialEq + std::fmt::Debug>(&self, rows: &[T], said: &[T], promised: &[T]) -> Result<(), String> {
        let Case { at, life, refused } = self;
        let faults = [Fault::AppendFull, Fault::AppendError, Fault::AppendTorn, Fault::DiskHang, Fault::OutcomeLost];
        let disk_failed = faults.iter().any(|fault| at.counts.of(*fault) > 0);
        let whole = life.ended.as_ref().is_some_and(|summary| !summary.timed_out) && !life.power_cut && life.opened;
        let holds = |rows: &[T], said: &[T]| match (whole, *refused) {
            (true, 0) => said.starts_with(rows) && rows.len() >= promised.len(),
            (true, refused) => is_subsequence(rows, said) && (rows.len() as u64 + refused) >= promised.len() as u64,
            (false, 0) if !disk_failed && !life.power_cut => said.starts_with(rows),
            (false, _) => is_subsequence(rows, said),
        };
        // A row that is open when the run is closed is whole; parts that come later are not in it.
        let good = holds(rows, said) || (said != promised && holds(&rows[..rows.len().min(promised.len())], promised));
        if good {
            return Ok(());
        }
        let differs = rows.iter().zip(said).position(|(a, b)| a != b).unwrap_or(rows.len().min(said.len()));
        Err(format!(
            "{}: {} rows in the log, {} said, {} promised, {refused} records refused; first difference at \
             {differs}: {:?} and {:?}",
            life.log,
            rows.len(),
            said.len(),
            promised.len(),
            rows.get(differs),
            said.get(differs)
        ))
    }
}
