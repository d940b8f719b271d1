//! Accepted is stored and refused together; what counts as stored is in the log; and an exit that was answered is in it with
//! all that was said before.

use std::collections::BTreeMap;

use runwire_core::StreamKey;
use runwire_core::service::ServiceOutput;

use super::{Check, Moment};
use crate::model::logged::Logged;
use crate::sim::{Fault, Said, Seen};

/// See above.
#[derive(Default)]
pub(super) struct Accounts {
    exits: BTreeMap<String, i32>,
}

impl Check for Accounts {
    fn law(&self) -> &'static str {
        "accounts"
    }

    fn see(&mut self, at: &Moment<'_>, seen: &Seen<'_>) -> Result<(), String> {
        match seen {
            Seen::Output(ServiceOutput::Ended(key, summary)) => {
                let accounts = &summary.accounts;
                if accounts.accepted != accounts.stored + accounts.refused() {
                    return Err(format!("{key}: {accounts:?}"));
                }
                let Some(logged) = log_of(at, *key) else { return Ok(()) };
                let count = logged.records.len() as u64;
                // An append that was done and whose outcome was lost counts as lost, and is there all the same.
                let late = [Fault::DiskHang, Fault::OutcomeLost].iter().any(|fault| at.counts.of(*fault) > 0);
                // So does one that failed after some of its records were in the file.
                let most = accounts.stored + accounts.lost_at_close;
                if count < accounts.stored || (count > most && !late) {
                    return Err(format!("{key}: {count} records in the log, and {accounts:?}"));
                }
            }
            Seen::Delivered { run, said: Said::Exit(code), .. } => {
                self.exits.entry((*run).to_owned()).or_insert(*code);
            }
            Seen::Answered { said: Some(Said::Exit(code)), run, good: true, .. } => {
                let faults =
                    [Fault::AppendFull, Fault::AppendError, Fault::AppendTorn, Fault::DiskHang, Fault::OutcomeLost];
                if faults.iter().any(|fault| at.counts.of(*fault) > 0) {
                    return Ok(());
                }
                let life = at.model.lives.iter().rev().find(|life| life.service == at.life && life.run == *run);
                let Some(file) = life.and_then(|life| at.disk.file(&life.log)) else { return Ok(()) };
                if Logged::read(&file.data).exit_code().is_none() {
                    return Err(format!("{run}: the exit with {code} is answered and not in the log"));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn log_of(at: &Moment<'_>, key: StreamKey) -> Option<Logged> {
    let path = at.logs?.get(&key)?;
    Some(Logged::read(&at.disk.file(path)?.data))
}
