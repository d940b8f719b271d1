//! At the end each log holds what was said, in order: all of it if the run ended well, else as much as may be.

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
    let said = Rows::of(life, 0).rows;
    let shift = match (said.first(), life.service) {
        (Some((step, _)), n) if n > 1 => first - step,
        _ => 0,
    };
    let said: Vec<(i64, Row)> = said.into_iter().map(|(step, row)| (step + shift, row)).collect();
    let refused = life.ended.as_ref().map_or(0, |summary| summary.accounts.refused());
    let disk_faults = [Fault::AppendFull, Fault::AppendError, Fault::AppendTorn, Fault::DiskHang, Fault::OutcomeLost];
    let disk_failed = disk_faults.iter().any(|fault| at.counts.of(*fault) > 0);
    let tags = life.said.iter().map(|(tag, _)| tag).collect::<std::collections::BTreeSet<_>>();
    if tags.len() > 1 {
        // Whose row comes first is the service's business; each one's own order is not.
        for tag in tags {
            let own = |rows: &[(i64, Row)]| {
                rows.iter().filter(|(_, row)| row.contains_key(tag)).map(|(_, row)| row.clone()).collect::<Vec<_>>()
            };
            judge(life, refused, disk_failed, &own(&rows), &own(&said))?;
        }
        return Ok(());
    }
    judge(life, refused, disk_failed, &rows, &said)
}

fn judge<T: PartialEq + std::fmt::Debug>(
    life: &Life,
    refused: u64,
    disk_failed: bool,
    rows: &[T],
    said: &[T],
) -> Result<(), String> {
    let whole = life.ended.as_ref().is_some_and(|summary| !summary.timed_out) && !life.power_cut && life.opened;
    let good = if whole && refused == 0 {
        rows == said
    } else if refused == 0 && !disk_failed && !life.power_cut {
        said.starts_with(rows)
    } else {
        is_subsequence(rows, said)
            && (!whole || said.len() - rows.len() <= usize::try_from(refused).unwrap_or(usize::MAX))
    };
    if good {
        return Ok(());
    }
    let differs = rows.iter().zip(said).position(|(a, b)| a != b).unwrap_or(rows.len().min(said.len()));
    Err(format!(
        "{}: {} rows in the log, {} said, {refused} records refused; first difference at {differs}: {:?} and {:?}",
        life.log,
        rows.len(),
        said.len(),
        rows.get(differs),
        said.get(differs)
    ))
}
