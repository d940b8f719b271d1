//! At the end the server has each file that a client handed over and that is still there, as it is; and each measurement of
//! the machine that is in the log.

use runwire_proto::wire::record::RecordType;

use super::{Check, Moment};
use crate::model::Life;
use crate::model::logged::Logged;
use crate::sim::{Said, Seen};

/// See above.
#[derive(Default)]
pub(super) struct Files;

impl Check for Files {
    fn law(&self) -> &'static str {
        "files"
    }

    fn see(&mut self, _at: &Moment<'_>, _seen: &Seen<'_>) -> Result<(), String> {
        Ok(())
    }

    fn end(&mut self, at: &Moment<'_>) -> Result<(), String> {
        for (run, lives) in at.model.runs() {
            let [life] = lives.as_slice() else { continue };
            let Some(log) = at.disk.file(&life.log).filter(|_| !life.power_cut) else { continue };
            let logged = Logged::read(&log.data);
            if logged.has_run() && logged.records.len() == logged.clone().until_exit().records.len() {
                compare(at, run, life, &logged)?;
            }
        }
        Ok(())
    }
}

fn compare(at: &Moment<'_>, run: &str, life: &Life, logged: &Logged) -> Result<(), String> {
    let state = &at.remote[run];
    let folder = life.log.rsplit_once('/').map_or("", |(folder, _)| folder);
    let kinds = || logged.records.iter().filter_map(|record| record.record_type.as_ref());
    let named = kinds().filter_map(|kind| if let RecordType::Files(files) = kind { Some(&files.files) } else { None });
    let named: Vec<&str> = named.flatten().map(|file| file.path.as_str()).collect();
    for (_, said) in &life.said {
        let Said::File(name, _) = said else { continue };
        let Some(file) = at.disk.file(&format!("{folder}/files/{name}")).filter(|_| named.contains(&name.as_str()))
        else {
            continue;
        };
        let served = &state["files"][name];
        if served["uploaded"] != true || served["size"] != file.data.len() {
            return Err(format!("{run}: {name} has {} bytes; the server has {served}", file.data.len()));
        }
    }
    let samples = kinds().filter(|kind| matches!(kind, RecordType::Stats(_))).count();
    let events = state["events"].as_array().map_or(0, Vec::len);
    if samples != events {
        return Err(format!("{run}: {samples} measurements in the log, {events} on the server"));
    }
    Ok(())
}
